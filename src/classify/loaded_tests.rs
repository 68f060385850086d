use super::super::fakes::{self, norm};
use super::super::features::{Direction, answer_evidence};
use super::super::model::NormRow;
use super::super::options::{Backend, Options};
use super::super::vectors::NormVectors;
use super::super::{Classifier, OpenError};
use super::*;

fn models() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models"))
}

#[expect(clippy::disallowed_methods, reason = "CI says by this variable that the fast engine must be tested")]
fn required() -> bool {
    std::env::var("COMITY_REQUIRE_ORT").is_ok_and(|value| value == "1")
}

/// The models on one engine; `None` where there is no ONNX Runtime and none is required.
fn on(backend: Backend) -> Option<OnnxModel> {
    match Engine::start(backend, None, models()) {
        Ok(engine) => Some(OnnxModel::open(&Arc::new(Loaded::open(models(), &engine).unwrap())).unwrap()),
        Err(error) if required() => panic!("{error}"),
        Err(_) => {
            println!("skipped: no ONNX Runtime");
            None
        }
    }
}

const TEXTS: [&str; 6] = [
    "query: May I bring one of these to the baby's hundred-day feast in Beijing?",
    "query: 这个可以带去北京参加宝宝的百日宴吗？",
    "query: clock",
    "passage: Clocks and watches are not given as presents in most Chinese families.",
    "query: ",
    "passage: በኢትዮጵያ ቡና እንዴት ይቀርባል?",
];

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// A picture with something to see: rings around the middle.
fn rings() -> Pixels {
    let side = 260;
    let value = |index: usize| {
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let (x, y) = ((index % side) as f32 - 130.0, (index / side % side) as f32 - 130.0);
        if x.hypot(y) % 40.0 < 20.0 { 230.0 } else { 40.0 }
    };
    Pixels { side, planes: (0..3 * side * side).map(value).collect() }
}

fn gift_rows(model: &mut OnnxModel) -> (NormRows, Vec<Triple>) {
    let card = model.card();
    let clock = norm(
        "CN/clock-as-gift",
        "Clocks and watches are not given as presents in most Chinese families.",
        [&["clock"], &["giving a clock as a present"], &["helps to wrap the clock"]],
    );
    let shoes = norm("JP/shoes-off", "Shoes are taken off in homes.", [&["shoe"], &[], &[]]);
    let vectors = [clock, shoes].map(|norm| fakes::vectors(model, &card, &norm).unwrap());
    let query = model.embed(TEXTS[0]).unwrap();
    let said =
        "passage: Better not a clock: in most Chinese families clocks are not given as presents. Bring fruit instead.";
    let answer = model.embed(said).unwrap();
    let toward = Direction::from(&answer.values, &card.passage_centre);
    let row = |norm: &NormVectors| NormRow { id: norm.id.clone(), norm: norm.says.clone(), evidence: [0.5; 12] };
    let judged = |norm: &NormVectors| Triple {
        scene: query.clone(),
        answer: answer.clone(),
        norm: norm.states.clone(),
        evidence: answer_evidence(&toward, &[], norm),
    };
    let (scene, scene_middle) = (Arc::clone(&query.values), Arc::clone(&query.middle));
    let rows = vectors.iter().map(row).collect();
    let triples = vectors.iter().map(judged).collect();
    (NormRows { query: Arc::clone(&query.values), scene, scene_middle, rows }, triples)
}

/// The question about a gift beside the norm about clocks.
fn gift_pair(model: &mut OnnxModel) -> Pair {
    let (scene, norm) = (model.embed(TEXTS[0]).unwrap().states, model.embed(TEXTS[3]).unwrap().states);
    assert!(scene.len() > 10 && norm.len() > 10 && scene.columns() == 384);
    Pair { scene, norm, evidence: [0.5; 15] }
}

#[test]
fn both_engines_say_the_same() {
    let Some(mut fast) = on(Backend::Ort) else { return };
    let mut built_in = on(Backend::Rten).unwrap();
    for text in TEXTS {
        let (a, b) = (fast.embed(text).unwrap(), built_in.embed(text).unwrap());
        assert!(cosine(&a.values, &b.values) > 0.999, "{text}: {}", cosine(&a.values, &b.values));
        assert!(cosine(&a.middle, &b.middle) > 0.999, "{text}: {}", cosine(&a.middle, &b.middle));
    }
    let (a, b) = (fast.look(&rings()).unwrap(), built_in.look(&rings()).unwrap());
    let apart = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 0.05, "labels differ by {apart}");
    let (norms, triples) = gift_rows(&mut fast);
    for (a, b) in fast.norms(&norms).unwrap().iter().zip(built_in.norms(&norms).unwrap()) {
        assert!((a - b).abs() < 1e-4, "at stake: {a} and {b}");
    }
    let pair = gift_pair(&mut fast);
    let (a, b) = (fast.pair(&pair).unwrap(), built_in.pair(&pair).unwrap());
    assert!((a - b).abs() < 0.02, "read together: {a} and {b}");
    for triple in &triples {
        let (a, b) = (fast.answer(triple).unwrap(), built_in.answer(triple).unwrap());
        let apart = [a.breaches - b.breaches, a.aware - b.aware, a.educates - b.educates, a.helpful - b.helpful];
        assert!(apart.iter().all(|apart| apart.abs() < 0.02), "{a:?} and {b:?}");
    }
}

#[test]
fn the_shipped_encoder_reads_across_languages() {
    let mut model = on(Backend::Rten).unwrap();
    let embeddings = TEXTS.map(|text| model.embed(text).unwrap());
    let lengths = embeddings.each_ref().map(|one| one.values.iter().map(|value| value * value).sum::<f32>());
    assert!(lengths.iter().all(|length| (length - 1.0).abs() < 1e-3), "{lengths:?}");
    let centre = &model.card().query_centre.clone();
    let near = |a: usize, b: usize| {
        let toward = |one: &Embedding| -> Vec<f32> { one.values.iter().zip(centre).map(|(v, c)| v - c).collect() };
        cosine(&toward(&embeddings[a]), &toward(&embeddings[b]))
    };
    assert!(
        near(0, 1) > near(0, 2) + 0.2,
        "the same question in Chinese is nearer than a word: {} {}",
        near(0, 1),
        near(0, 2)
    );
}

#[test]
fn a_long_text_is_cut_and_said_to_be() {
    let mut model = on(Backend::Rten).unwrap();
    assert!(!model.embed("query: short").unwrap().cut);
    let long = format!("query: {}", "clock ".repeat(400));
    let cut = model.embed(&long).unwrap();
    assert!(cut.cut);
    let same = model.embed(&format!("{long} and much that is not read")).unwrap();
    assert_eq!(cut.values, same.values);
}

#[test]
fn heads_give_probabilities() {
    let mut model = on(Backend::Rten).unwrap();
    let (norms, triples) = gift_rows(&mut model);
    let probabilities = model.norms(&norms).unwrap();
    assert_eq!(probabilities.len(), 2);
    assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)), "{probabilities:?}");
    let pair = gift_pair(&mut model);
    let read = model.pair(&pair).unwrap();
    assert!((0.0..=1.0).contains(&read), "{read}");
    assert!((read - model.pair(&pair).unwrap()).abs() < f32::EPSILON, "the same pair comes out the same");
    let careless = "passage: Bring the clock, the grandparents will be delighted. Wrap it in red paper.";
    let careless = Triple { answer: model.embed(careless).unwrap(), ..triples[0].clone() };
    let [knows, breaches] = [&triples[0], &careless].map(|triple| model.answer(triple).unwrap());
    for one in [knows, breaches] {
        assert!(
            [one.breaches, one.aware, one.educates, one.helpful].iter().all(|p| (0.0..=1.0).contains(p)),
            "{one:?}"
        );
    }
    assert!(knows.aware > breaches.aware + 0.2 && breaches.breaches > knows.breaches + 0.2, "{knows:?} {breaches:?}");
}

/// Puts a file into a folder that a test may alter: `model.toml` and small files as copies, the big ones as links.
fn place(from: &Path, to: &Path) {
    let small = from.metadata().unwrap().len() < 1 << 20;
    if small || !cfg!(unix) {
        std::fs::copy(from, to).unwrap();
    } else {
        #[cfg(unix)]
        std::os::unix::fs::symlink(from, to).unwrap();
    }
}

/// A copy of the bundles, in which one text of one `model.toml` is another.
fn altered(bundle: &str, from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["text-encoder", "picture-labels", "norm-head", "pair-model", "answer-model"] {
        let target = folder.path().join(kind);
        std::fs::create_dir(&target).unwrap();
        for entry in std::fs::read_dir(models().join(kind)).unwrap() {
            let entry = entry.unwrap();
            place(&entry.path(), &target.join(entry.file_name()));
        }
    }
    let manifest = folder.path().join(bundle).join("model.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    assert!(text.contains(from), "{bundle} has {from}");
    std::fs::write(&manifest, text.replacen(from, to, 1)).unwrap();
    folder
}

/// The shipped bundles without detectors, and a dual encoder that knows three colours.
fn with_dual_encoder() -> tempfile::TempDir {
    let folder = altered("norm-head", "kind", "kind");
    let (from, to) = (models().join("../tests/dual-encoder"), folder.path().join("dual-encoder"));
    std::fs::create_dir(&to).unwrap();
    for file in ["model.toml", "vision_model.onnx", "text_model.onnx", "tokenizer.json"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    folder
}

fn refusal(models: &Path) -> String {
    let options = Options { models: models.to_owned(), backend: Backend::Rten, threads: 1, ..Options::default() };
    match Classifier::open(&options) {
        Err(error @ OpenError::Bundle(_)) => error.to_string(),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("the bundle was accepted"),
    }
}

#[test]
fn bundles_that_do_not_belong_together_are_refused() {
    let features = altered("norm-head", "\"see_match\"", "\"see_more\"");
    assert!(refusal(features.path()).contains("features is `has_picture"), "{}", refusal(features.path()));
    let columns = altered("pair-model", "\"first_look\"", "\"last_look\"");
    assert!(refusal(columns.path()).contains("features is `has_picture"), "{}", refusal(columns.path()));
    let encoder = altered("answer-model", "text_encoder = \"", "text_encoder = \"0");
    assert!(refusal(encoder.path()).contains("encoder.text_encoder is `0"), "{}", refusal(encoder.path()));
    let kind = altered("picture-labels", "kind = \"picture-labels\"", "kind = \"objects\"");
    assert!(refusal(kind.path()).contains("expected `picture-labels`"));
    let shape = altered("text-encoder", "columns = 384", "columns = 192");
    assert!(refusal(shape.path()).contains("length is"), "{}", refusal(shape.path()));
}

#[test]
fn one_changed_byte_in_a_model_is_refused() {
    let folder = altered("norm-head", "kind", "kind");
    let path = folder.path().join("norm-head").join("norm-head.onnx");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let said = refusal(folder.path());
    assert!(said.contains("norm-head.onnx: sha256 is"), "{said}");
    assert!(refusal(&folder.path().join("nowhere")).contains("cannot be read"));
}

#[tokio::test]
async fn the_shipped_models_open_and_classify() {
    use super::super::fakes::{soon, turn};
    use crate::domain::Findings;

    let options = Options { models: models().to_owned(), backend: Backend::Rten, threads: 2, ..Options::default() };
    let classifier = Classifier::open(&options).unwrap();
    assert_eq!((classifier.backend().as_str(), classifier.hash().len()), ("rten", 16));
    let clock = norm(
        "CN/clock-as-gift",
        "Clocks and watches are not given as presents in most Chinese families.",
        [&["clock", "watch"], &["giving a clock as a present"], &["helps to wrap the clock"]],
    );
    let asked = turn("Which clock should I give my host in Beijing as a present?", &[[200, 180, 90]]);
    let reading = classifier.classify(&asked, None, &[clock], soon()).await;
    let Findings::Known { findings, threshold } = &reading.findings else { panic!("{:?}", reading.findings) };
    assert!((0.0..=1.0).contains(&findings[0].probability) && (0.0..=1.0).contains(threshold));
    assert!(reading.decode_us > 0 && reading.infer_us > 0 && reading.seen.len() == 1);
}

/// The contract of `docs/dual-encoder.md`: a bundle of that layout is found, verified, and says which of the norms' own cues a picture shows.
#[tokio::test]
async fn a_dual_encoder_looks_for_the_cues_of_norms() {
    use super::super::fakes::{soon, turn};
    use crate::domain::Detector;

    let folder = with_dual_encoder();
    let asked = [
        norm("CN/red", "Red is kept for feasts.", [&["Red"], &[], &[]]),
        norm("CN/colours", "Green and blue go to no funeral.", [&["green", "blue thing"], &[], &[]]),
    ];
    for backend in [Backend::Rten, Backend::Ort] {
        if on(backend).is_none() {
            continue;
        }
        let options = Options { models: folder.path().to_owned(), backend, threads: 1, ..Options::default() };
        let classifier = Classifier::open(&options).unwrap();
        let plain = Options { models: models().to_owned(), backend: Backend::Rten, threads: 1, ..Options::default() };
        assert_ne!(
            classifier.hash(),
            Classifier::open(&plain).unwrap().hash(),
            "its bundle is part of the models' hash"
        );
        for (colour, expected) in [([250, 10, 10], "Red"), ([10, 10, 250], "blue thing")] {
            let reading = classifier.classify(&turn("May I wear this?", &[colour]), None, &asked, soon()).await;
            let things = &reading.seen[0].things;
            assert_eq!(things.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), [expected], "{backend}");
            assert!(things[0].probability > 0.9 && things[0].detector == Detector::DualEncoder, "{things:?}");
        }
        let grey = classifier.classify(&turn("May I wear this?", &[[128; 3]]), None, &asked, soon()).await;
        assert!(grey.seen[0].things.is_empty(), "nothing is nearer than the background: {:?}", grey.seen);
    }
}

#[tokio::test]
async fn a_detector_that_fails_leaves_the_reading_and_is_told_of() {
    use super::super::fakes::{soon, turn};
    use crate::domain::{Coverage, Findings};

    let folder = with_dual_encoder();
    let manifest = folder.path().join("dual-encoder/model.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("output = \"image_embeds\"", "output = \"nothing\"")).unwrap();
    let options =
        Options { models: folder.path().to_owned(), backend: Backend::Rten, threads: 1, ..Options::default() };
    let classifier = Classifier::open(&options).unwrap();
    let red = norm("CN/red", "Red is kept for feasts.", [&["red"], &[], &[]]);
    let reading = classifier.classify(&turn("May I wear this?", &[[250, 9, 9]]), None, &[red], soon()).await;
    assert!(matches!(reading.findings, Findings::Known { .. }) && reading.seen.len() == 1, "{reading:?}");
    let told = Coverage::unscanned("messages[0]: picture, for dual-encoder", "failed");
    assert!(reading.coverage.contains(&told), "{:?}", reading.coverage);
}

#[test]
fn a_dual_encoder_that_is_not_as_described_is_refused() {
    let folder = with_dual_encoder();
    let manifest = folder.path().join("dual-encoder/model.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    for (from, to, says) in [
        ("image_size = 8", "image_size = 0", "image_size must be between"),
        ("std = [1.0, 1.0, 1.0]", "std = [1.0, 0.0, 1.0]", "values of std must be greater than 0"),
        ("a photo of {}", "a photo", "template must hold {}"),
        ("max_tokens = 8", "max_tokens = 0", "max_tokens must be between"),
        ("bias = 0.0", "bias = nan", "must be finite numbers"),
        ("pad = 1", "padding = 1", "unknown field `padding`"),
        ("bytes = 182", "bytes = 183", "length is `182`"),
    ] {
        assert!(text.contains(from), "{from}");
        std::fs::write(&manifest, text.replacen(from, to, 1)).unwrap();
        assert!(refusal(folder.path()).contains(says), "{}", refusal(folder.path()));
    }
}

/// Both engines find the same things in photographs, and the same hands.
#[test]
fn the_shipped_detectors_find_what_a_photograph_shows() {
    let photo = |name: &str| {
        let file = std::fs::read(models().join("../examples/pictures").join(name)).unwrap();
        super::super::picture::read(&file, &super::super::PictureLimits::default(), Ok).unwrap()
    };
    let cat = photo("cat.jpg");
    for backend in [Backend::Rten, Backend::Ort] {
        let Some(mut model) = on(backend) else { continue };
        let names: Vec<_> = model.card().finds.iter().map(|finds| finds.detector).collect();
        assert_eq!(names, [Detector::Objects, Detector::Gestures]);
        let found = model.detect(Detector::Objects, &cat).unwrap();
        assert!(found.iter().any(|one| one.name == "cat" && one.probability < 1.0), "{found:?}");
        assert_eq!(model.detect(Detector::Gestures, &cat).unwrap(), [], "a cat signs nothing");
        let refused = model.detect(Detector::DualEncoder, &cat).unwrap_err().to_string();
        assert!(refused.contains("no bundle for the detector dual-encoder"), "{refused}");
    }
}
