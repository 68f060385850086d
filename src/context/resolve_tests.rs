use proptest::prelude::*;

use super::*;
use crate::context::AddedName;
use crate::domain::{Language, Layers, Part, Picture};

/// A small list in the form of the embedded one, so that these tests hold whatever the embedded one holds.
const LIST: &str = "\
# name\tcode\tkind
japan\tJP\tcountry\njapanese\tJP\tadjective\nosaka\tJP\tcity\nkyoto\tJP\tcity\n日本\tJP\tcountry\n東京\tJP\tcity\nタイ\tTH\tcountry
일본\tJP\tcountry\nالرياض\tSA\tcity\nالسعودية\tSA\tcountry\nمصر\tEG\tcountry\nاليابان\tJP\tcountry\nهندي\tIN\tadjective
chinese\tCN\tadjective\nchina\tCN\tcountry\nshanghai\tCN\tcity\n北京\tCN\tcity\n中国\tCN\tcountry\n서울\tKR\tcity\n한국\tKR\tcountry
texas\tUS\tregion\naustin\tUS\tcity\nnew york\tUS\tcity\nyork\tGB\tcity\nberlin\tDE\tcity\nthailand\tTH\tcountry\nไทย\tTH\tcountry
กรุงเทพ\tTH\tcity\nลาว\tLA\tcountry\nindia\tIN\tcountry\ntaj mahal\tIN\tlandmark\nवाराणसी\tIN\tcity\nभारत\tIN\tcountry
oman\tOM\tcountry\nmali\tML\tcountry\nistanbul\tTR\tcity\ntürkiye\tTR\tcountry\njaponya\tJP\tcountry\nbali\tID\tregion\njepang\tJP\tcountry
москва\tRU\tcity\nмоскве\tRU\tcity\nяпонии\tJP\tcountry\nαθήνα\tGR\tcity\nኢትዮጵያ\tET\tcountry\nתל אביב\tIL\tcity\nיפן\tJP\tcountry
ایران\tIR\tcountry\nتهران\tIR\tcity\nفرانسه\tFR\tcountry\nparis\tFR\tcity\nméxico\tMX\tcountry\ngießen\tDE\tcity\nsão paulo\tBR\tcity
hà nội\tVN\tcity\nnhật bản\tJP\tcountry\nঢাকা\tBD\tcity\nkenya\tKE\tcountry\nriyadh\tSA\tcity\nlagos\tNG\tcity\nlima\tPE\tcity\nguinea\tGN\tcountry\nguinea\tGQ\tcountry
";

fn places() -> Places {
    Places::of(LIST)
}

fn country(code: &str) -> Country {
    code.parse().unwrap()
}

fn message(role: Role, text: &str) -> Message {
    Message { role: Some(role), parts: vec![Part::Text(text.into())] }
}

fn asked(text: &str) -> Turn {
    Turn { messages: vec![message(Role::User, text)] }
}

fn codes<'a>(places: impl IntoIterator<Item = &'a Place>) -> String {
    places.into_iter().map(|place| place.country.code().to_owned()).collect::<Vec<_>>().join(" ")
}

/// The countries in play for a question without any hint.
fn about(text: &str, places: &Places) -> String {
    codes(&resolve(&Hint::default(), &asked(text), places).places)
}

/// One source of each kind, each with a country of its own.
fn everything() -> (Hint, Turn) {
    let hint = Hint {
        header: vec![country("BR")],
        metadata: Some(country("FR")),
        user_location: Some(country("ET")),
        default: Some(country("MX")),
        accept_language: Some("ko-KR,ko;q=0.9".into()),
        layers: Layers::default(),
    };
    let turn = Turn {
        messages: vec![
            message(Role::System, "You help travellers in India."),
            message(Role::User, "I was in Oman."),
            message(Role::Assistant, "Welcome to Mali!"),
            message(Role::User, "What do I bring to a dinner in Osaka?"),
        ],
    };
    (hint, turn)
}

#[test]
fn each_source_decides_where_no_stronger_one_speaks() {
    let (mut hint, mut turn) = everything();
    let places = places();
    let mut steps = Vec::new();
    let mut step = |hint: &Hint, turn: &Turn| {
        let context = resolve(hint, turn, &places);
        let source = context.places.first().map_or("none", |place| place.source.word());
        steps.push(format!("{source}: {} / {}", codes(&context.places), codes(&context.conflicts)));
    };
    step(&hint, &turn);
    hint.header.clear();
    step(&hint, &turn);
    hint.metadata = None;
    step(&hint, &turn);
    turn.messages.pop();
    turn.messages.push(message(Role::User, "And what do I bring?"));
    step(&hint, &turn);
    turn.messages.remove(2);
    step(&hint, &turn);
    turn.messages.remove(1);
    step(&hint, &turn);
    turn.messages.remove(0);
    step(&hint, &turn);
    hint.user_location = None;
    step(&hint, &turn);
    hint.default = None;
    step(&hint, &turn);
    hint.accept_language = Some("ko".into());
    step(&hint, &turn);
    assert_eq!(
        steps,
        [
            "header: BR / FR JP ML OM IN ET MX KR",
            "metadata: FR / JP ML OM IN ET MX KR",
            "query: JP / ML OM IN ET MX KR",
            "history: ML / OM IN ET MX KR",
            "history: OM / IN ET MX KR",
            "prompt: IN / ET MX KR",
            "user-location: ET / MX KR",
            "default: MX / KR",
            "accept-language: KR / ",
            "none:  / ",
        ]
    );
}

#[test]
fn conflicts_hold_each_country_once_and_at_most_eight() {
    let (mut hint, mut turn) = everything();
    hint.header = vec![country("BR"), country("BR"), country("OM")];
    turn.messages.insert(0, message(Role::User, "Paris, Berlin, Lima, Osaka, Lagos"));
    turn.messages.insert(0, message(Role::User, "Lima and Lagos and Kenya, then Riyadh"));
    let context = resolve(&hint, &turn, &places());
    assert_eq!(codes(&context.places), "BR OM");
    assert_eq!(codes(&context.conflicts), "FR JP ML DE PE NG KE IN");
}

#[test]
fn a_place_names_its_source_and_how_it_was_named() {
    let context = resolve(&Hint::default(), &asked("A wedding in NEW\nYork"), &places());
    let place = Place {
        country: country("US"),
        source: PlaceSource::Query,
        name: Some("new york".into()),
        regions: Vec::new(),
    };
    assert_eq!(context.places, [place]);
}

#[test]
fn tools_and_unknown_roles_are_not_heard_and_a_picture_decides_nothing() {
    let picture = Part::Picture(Picture::Remote("https://example.org/osaka.png".into()));
    let turn = Turn {
        messages: vec![
            message(Role::Tool, "Osaka"),
            Message { role: None, parts: vec![Part::Text("Berlin".into())] },
            Message { role: Some(Role::User), parts: vec![picture, Part::Other("file: lima".into())] },
        ],
    };
    assert_eq!(resolve(&Hint::default(), &turn, &places()), Context::default());
}

#[test]
fn the_query_is_the_newest_user_text_and_its_language_counts() {
    let turn = Turn {
        messages: vec![
            message(Role::User, "Was bringe ich zur Hochzeit in Osaka mit?"),
            message(Role::User, "  "),
            message(Role::Assistant, "I would ask somebody in Berlin."),
        ],
    };
    let context = resolve(&Hint::default(), &turn, &places());
    assert_eq!((codes(&context.places), codes(&context.conflicts)), ("JP".into(), "DE".into()));
    assert_eq!(context.language.map(|l| l.code().to_owned()).as_deref(), Some("de"));
    assert_ne!(context.language, Some(Language::ENGLISH));
}

#[test]
fn places_are_found_in_many_languages() {
    for (text, wanted) in [
        ("May I wear this in Shanghai?", "CN"),
        ("¿Puedo llevar esto a México?", "MX"),
        ("Que presente levo para São Paulo?", "BR"),
        ("Was trage ich in GIESSEN?", "DE"),
        ("Japonya'da ne giyilir?", "JP"),
        ("İSTANBUL’da ne giyilir?", "TR"),
        ("Bolehkah memakai ini di Bali?", "ID"),
        ("Mặc gì khi đến Hà Nội?", "VN"),
        ("Что подарить в Москве?", "RU"),
        ("Τι να φορέσω στην ΑΘΉΝΑ;", "GR"),
        ("今天去北京吃饭", "CN"),
        ("東京のお寺で", "JP"),
        ("友達とタイで食事します", "TH"),
        ("서울에서는 무엇을 입나요", "KR"),
        ("한국인 친구에게", "KR"),
        ("ใส่ชุดนี้ในกรุงเทพได้ไหม", "TH"),
        ("वाराणसी में क्या पहनूँ?", "IN"),
        ("ঢাকা শহরে কী পরব?", "BD"),
        ("ماذا ألبس في الرياض؟", "SA"),
        ("وبالسعوديه أيضا", "SA"),
        ("هدية لليابان", "JP"),
        ("بمصر", "EG"),
        ("در تهران چه بپوشم؟", "IR"),
        ("מה לובשים בתל אביב?", "IL"),
        ("በኢትዮጵያ ምን ልልበስ?", "ET"),
        ("The Taj Mahal at dawn", "IN"),
    ] {
        assert_eq!(about(text, &places()), wanted, "{text}");
    }
}

#[test]
fn pieces_of_words_and_names_of_languages_are_no_places() {
    for text in [
        "A roman woman",
        "a malicious text",
        "ネクタイを贈る",
        "このタイプは",
        "เขาเลวร้าย ภาษาไทย",
        "日本語で答えて",
        "한국어로",
        "المصرف",
        "bahasa jepang? no: japanize",
        "chinaware",
        "",
    ] {
        let found = about(text, &places());
        assert!(found.is_empty() || text.starts_with("bahasa") && found == "JP", "{text}: {found}");
    }
}

#[test]
fn the_longest_name_is_meant_and_all_that_it_names() {
    assert_eq!(about("New York or York?", &places()), "US GB");
    assert_eq!(about("guinea", &places()), "GN GQ");
}

#[test]
fn at_most_three_countries_are_in_play_in_the_order_of_the_text() {
    assert_eq!(about("Lima, Osaka, Kyoto, Berlin, Lagos", &places()), "PE JP DE");
}

#[test]
fn an_adjective_counts_only_where_no_place_is_named() {
    assert_eq!(about("A Chinese tea set for a wedding in Osaka", &places()), "JP");
    assert_eq!(about("A Chinese tea set for a Japanese wedding", &places()), "CN JP");
    assert_eq!(about("فستان الهندي", &places()), "IN");
}

#[test]
fn where_somebody_comes_from_yields_to_another_place() {
    for (text, wanted) in [
        ("I'm from Texas and go to Osaka", "JP"),
        ("I'm from Texas", "US"),
        ("We come from Austin, Texas. What do we wear in Bali?", "ID"),
        ("Fresh from Berlin, off to Riyadh", "SA"),
        ("Ich komme aus Berlin und heirate in Kyoto", "JP"),
        ("Je viens de Paris, un dîner à Osaka", "JP"),
        ("Vengo de México y viajo a Lima", "PE"),
        ("我来自中国，要去東京", "JP"),
        ("日本から来ました。タイで何を着ますか", "TH"),
        ("저는 한국에서 왔어요. 도쿄 말고 일본에서", "JP"),
        ("أنا من مصر وأسافر إلى الرياض", "SA"),
        ("אני מיפן ונוסע לתל אביב", "IL"),
        ("Ben İstanbul'dan geliyorum, Japonya'da", "JP"),
        ("Я из Японии, буду в Москве", "RU"),
        ("Tôi đến từ Nhật Bản, đi Hà Nội", "VN"),
        ("ผมมาจากลาว ไปไทย", "TH"),
        ("Saya dari Jepang, ke Bali", "ID"),
        ("मैं भारत से हूँ, Osaka जा रहा हूँ", "JP"),
        ("from Lima to from Lagos", "PE NG"),
    ] {
        assert_eq!(about(text, &places()), wanted, "{text}");
    }
}

#[test]
fn added_names_win_over_the_listed_ones_and_can_be_added_to() {
    let added = |names: &[(&str, &str)]| {
        let name =
            |(code, name): &(&str, &str)| AddedName { country: country(code), name: (*name).to_owned(), region: None };
        let names: Vec<_> = names.iter().map(name).collect();
        names.into_iter()
    };
    let places = places().with_names(added(&[("IE", "Lima"), ("CN", "Spring Festival"), ("CN", "故宫")]));
    assert_eq!(about("LIMA", &places), "IE");
    assert_eq!(about("a gift for the spring festival", &places), "CN");
    assert_eq!(about("去故宫", &places), "CN");
    let places = places.with_names(added(&[("VN", "spring festival"), ("JP", "chinese garden of kyoto")]));
    assert_eq!(about("a gift for the Spring Festival", &places), "CN VN");
    assert_eq!(about("the Chinese garden of Kyoto, Lima", &places), "JP IE");
}

#[test]
fn the_embedded_names_lead_to_their_countries() {
    let places = Places::embedded();
    for (text, wanted) in [
        ("Can I bring this to a dinner in Osaka?", "JP"),
        ("A Chinese tea set for a wedding in Osaka", "JP"),
        ("去北京的时候送什么好？", "CN"),
        ("ماذا ألبس في الرياض؟", "SA"),
        ("ใส่ชุดนี้ในกรุงเทพได้ไหม", "TH"),
    ] {
        assert_eq!(about(text, &places), wanted, "{text}");
    }
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,120}", other in any::<String>()) {
        let places = places();
        let turn = Turn { messages: vec![message(Role::System, &other), message(Role::User, &text)] };
        let hint = Hint { accept_language: Some(other), ..Hint::default() };
        let context = resolve(&hint, &turn, &places);
        prop_assert!(context.places.len() <= 3 && context.conflicts.len() <= 8);
    }

    #[test]
    fn never_panics_between_names(pieces in prop::collection::vec(("\\PC{0,4}", 0_usize..200), 0..12)) {
        let names: Vec<&str> = LIST.lines().filter_map(|line| line.split('\t').next()).collect();
        let text: String = pieces.iter().flat_map(|(gap, at)| [gap.as_str(), names.get(*at).unwrap_or(&"")]).collect();
        prop_assert!(resolve(&Hint::default(), &asked(&text), &places()).places.len() <= 3);
    }

    #[test]
    fn letter_case_does_not_matter(words in prop::collection::vec(
        prop::sample::select(vec!["osaka", "Gießen", "Türkiye", "İstanbul", "são paulo", "I'm from", "Chinese", "oman", "x", "ñ", "ı", "New York", "aus", "mali,", "ǆ", "ŉ"]),
        0..8,
    ), glue in "[ ,'a-zß-ſ]{1,2}") {
        let text = words.join(&glue);
        let places = places();
        let wanted = about(&text, &places);
        prop_assert_eq!(&about(&text.to_uppercase(), &places), &wanted);
        prop_assert_eq!(&about(&text.to_lowercase(), &places), &wanted);
    }

    #[test]
    fn the_header_always_wins(text in "\\PC{0,40}", name in 0_usize..60) {
        let (mut hint, mut turn) = everything();
        let named = LIST.lines().nth(name).unwrap_or_default().replace('\t', " ");
        hint.header = vec![country("NP"), country("LK")];
        turn.messages.push(message(Role::User, &format!("{text} {named}")));
        let context = resolve(&hint, &turn, &places());
        prop_assert_eq!(codes(&context.places), "NP LK");
        prop_assert!(context.places.iter().all(|place| place.source == PlaceSource::Header));
    }
}

#[test]
fn names_of_a_region_put_it_in_force_and_lead_to_its_country() {
    let name = |name: &str, region: Option<&str>| AddedName {
        country: country("ID"),
        name: name.to_owned(),
        region: region.map(str::to_owned),
    };
    let places = places().with_names(
        [name("Ubud", Some("bali")), name("Bali", Some("bali")), name("Toraja", Some("toraja"))].into_iter(),
    );
    let turn = |text: &str| Turn { messages: vec![message(Role::User, text)] };
    let regions = |text: &str| {
        let context = resolve(&Hint::default(), &turn(text), &places);
        context.places.into_iter().map(|place| (place.country, place.regions)).collect::<Vec<_>>()
    };
    assert_eq!(regions("A villa in Ubud"), [(country("ID"), vec!["bali".to_owned()])]);
    assert_eq!(regions("Bali, Toraja and Ubud"), [(country("ID"), vec!["bali".to_owned(), "toraja".to_owned()])]);
    assert_eq!(regions("Osaka"), [(country("JP"), vec![])]);
}

#[test]
fn a_country_given_as_a_code_has_the_regions_that_the_newest_text_names() {
    let name = |name: &str, region: &str| AddedName {
        country: country("ID"),
        name: name.to_owned(),
        region: Some(region.to_owned()),
    };
    let places = places().with_names([name("Ubud", "bali"), name("Toraja", "toraja")].into_iter());
    let hint = Hint { header: vec![country("ID")], ..Hint::default() };
    let regions = |texts: &[&str]| {
        let messages = texts.iter().map(|text| message(Role::User, text)).collect();
        let context = resolve(&hint, &Turn { messages }, &places);
        assert_eq!((context.places.len(), context.places[0].source), (1, PlaceSource::Header));
        context.places[0].regions.clone()
    };
    assert_eq!(regions(&["Toraja?", "A villa in Ubud"]), ["bali"]);
    assert_eq!(regions(&["Toraja?", "Which of these?"]), ["toraja"]);
    assert_eq!(regions(&["Which of these?"]), Vec::<String>::new());
}
