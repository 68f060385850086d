use super::super::fakes::{self, Toy, norm};
use super::super::labels::Labels;
use super::super::model::{Model, ModelError};
use super::super::vectors::NormTexts;
use super::*;

fn close(found: f32, expected: f32) -> bool {
    (found - expected).abs() < 1e-4
}

/// Three labels in a plane; the centre of queries lies off the origin.
fn card() -> Card {
    Card {
        labels: Labels::new(["wall clock", "vase", "wine bottle"].map(str::to_owned).to_vec()),
        label_embeddings: vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8],
        query_centre: vec![0.5, 0.5],
        passage_centre: vec![0.0, 1.0],
        ..Card::default()
    }
}

/// Embeds texts as the test says.
struct Table(Vec<(&'static str, [f32; 2])>);

impl Model for Table {
    fn look(&mut self, _: &super::super::Pixels) -> Result<Vec<f32>, ModelError> {
        Ok(Vec::new())
    }

    fn embed(&mut self, text: &str) -> Result<Embedding, ModelError> {
        let row = self.0.iter().find(|(known, _)| *known == text);
        row.map(|(_, values)| Embedding::of(values.to_vec())).ok_or_else(|| ModelError::Other(text.to_owned()))
    }

    fn norms(&mut self, _: &super::super::NormRows) -> Result<Vec<f32>, ModelError> {
        Ok(Vec::new())
    }

    fn answer(&mut self, _: &super::super::Triple) -> Result<super::super::AnswerOdds, ModelError> {
        Err(ModelError::Other("it judges nothing".to_owned()))
    }
}

fn vectors() -> NormVectors {
    vectors_by(&card())
}

/// The same by another card.
fn vectors_by(card: &Card) -> NormVectors {
    let mut model = Table(vec![
        ("passage: No clocks.", [1.0, 0.0]),
        ("query: clock", [1.5, 0.5]),
        ("query: wine", [0.5, 2.5]),
        ("query: giving a clock", [0.5, 1.5]),
        ("passage: wraps it", [1.0, 2.0]),
    ]);
    let norm = norm("CN/clock-as-gift", "No clocks.", [&["clock", "wine"], &["giving a clock"], &["wraps it"]]);
    fakes::vectors(&mut model, card, &norm).unwrap()
}

fn question(text: &str, pictures: &[[f32; 3]]) -> Question {
    let labels = |picture: &[f32; 3]| Arc::new(Labelled::new(picture.to_vec(), &card()));
    let pictures = pictures
        .iter()
        .map(|picture| Shown { labels: labels(picture), things: Vec::new(), missed: Vec::new(), more_frames: false })
        .collect();
    let query = Embedding { spread: card().spread(&[1.5, 1.5]), ..Embedding::of(vec![1.5, 1.5]) };
    Question::new(text, &query, &Embedding::of(vec![0.5, 3.5]), pictures, &card())
}

#[test]
fn evidence_is_worked_out_as_features_md_says() {
    // Standings of the labels, whose products with (1, 0) are 1, 0, 0.6: mean 8/15, deviation sqrt(1.36/3 - (8/15)^2) = 0.410961.
    let row = question("May I bring this?", &[[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]]).evidence(&vectors());
    let standing = |s: [f32; 3]| {
        let mean = s.iter().sum::<f32>() / 3.0;
        let deviation = (s.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / 3.0).sqrt();
        s.map(|v| (v - mean) / deviation)
    };
    let norm_standing = standing([1.0, 0.0, 0.6]);
    assert!(close(norm_standing[0], (1.0 - 8.0 / 15.0) / 0.410_961), "{norm_standing:?}");
    let clock = standing([1.5, 0.5, 1.3]);
    let wine = standing([0.5, 2.5, 2.3]);
    let query = standing([1.5, 1.5, 2.1]);
    let over = |p: [f32; 3], z: [f32; 3]| p.iter().zip(z).map(|(p, z)| p * z).sum::<f32>();
    let (a, b) = ([0.7, 0.2, 0.1], [0.0, 0.5, 0.5]);
    let half = 0.5_f32.sqrt();
    let expected = [
        1.0,
        1.0,
        1.0,
        0.8,
        over(a, clock).max(over(a, wine)).max(over(b, clock)).max(over(b, wine)),
        over(a, norm_standing).max(over(b, norm_standing)),
        over(a, query).max(over(b, query)),
        0.7,
        half,
        half,
        1.0,
        1.0,
    ];
    for (index, (found, expected)) in row.into_iter().zip(expected).enumerate() {
        assert!(close(found, expected), "{}: {found} instead of {expected}", NORM_FEATURES[index]);
    }
}

#[test]
fn without_a_picture_every_value_of_pictures_is_zero() {
    let row = question("Where is the station?", &[]).evidence(&vectors());
    assert!([0, 3, 4, 5, 6, 7, 11].iter().all(|&index| row[index] == 0.0), "{row:?}");
}

#[test]
fn a_norm_without_lists_has_no_evidence_of_them() {
    let mut model = Table(vec![("passage: No clocks.", [1.0, 0.0])]);
    let bare = norm("CN/clock-as-gift", "No clocks.", [&[], &[], &[]]);
    let bare = fakes::vectors(&mut model, &card(), &bare).unwrap();
    let row = question("May I bring this?", &[[0.7, 0.2, 0.1]]).evidence(&bare);
    assert!([1, 2, 3, 4, 8, 9, 10].iter().all(|&index| row[index] == 0.0), "{row:?}");
    assert!(row[5] != 0.0);
    let answer = answer_evidence(&Direction::from(&[1.0, 0.0], &[]), &[], &bare);
    assert!(answer.iter().all(|value| *value == 0.0), "{answer:?}");
}

#[test]
fn the_largest_may_be_negative() {
    let away =
        Question::new("x", &Embedding::of(vec![0.5, -1.0]), &Embedding::of(vec![0.5, -1.0]), Vec::new(), &card());
    assert!(close(away.evidence(&vectors())[9], -1.0));
}

#[test]
fn an_embedding_in_the_centre_is_near_nothing() {
    let centre = Direction::from(&[0.5, 0.5], &[0.5, 0.5]);
    assert!(close(centre.near(&Direction::from(&[1.0, 0.0], &[0.5, 0.5])), 0.0));
}

#[test]
fn an_answer_is_held_against_what_a_breach_says() {
    let answer = Direction::from(&[1.0, 1.0], &[0.0, 1.0]);
    let row = answer_evidence(&answer, &[(vec![0.3, 0.1, 0.0], Vec::new())], &vectors());
    let expected = [1.0, 0.3, 1.0, 0.5_f32.sqrt()];
    assert!(row.iter().zip(expected).all(|(found, expected)| close(*found, expected)), "{row:?}");
}

#[test]
fn a_model_that_fails_fails_the_norm() {
    let feared = norm("CN/clock-as-gift", "No clocks.", [&[], &[], &[]]);
    assert!(fakes::vectors(&mut Table(Vec::new()), &card(), &feared).is_err());
    let vectors = fakes::vectors(&mut Toy::default(), &card(), &feared).unwrap();
    assert!(vectors.bytes() > 4 * 2 + 4 * 3);
}

#[test]
fn a_thing_that_a_cue_names_counts_like_a_label() {
    let thing = |name: &str| Thing { name: name.to_owned(), probability: 0.9, detector: Detector::Objects };
    let seen = |things: Vec<Thing>| {
        let mut asked = question("May I bring this?", &[[0.2, 0.8, 0.0]]);
        asked.pictures[0].1 = named(&things);
        (asked.evidence(&vectors())[3], asked.spoken_for(&vectors()))
    };
    assert!(close(seen(Vec::new()).0, 0.2));
    assert!(close(seen(vec![thing("wall clock"), thing("spoon")]).0, 0.9), "the surer of label and thing");
    assert!(close(seen(vec![thing("spoon")]).0, 0.2));
    assert_eq!(seen(vec![thing("clock")]).1, Evidence::Picture);
    let answer = Direction::from(&[1.0, 1.0], &[0.0, 1.0]);
    assert!(close(answer_evidence(&answer, &[(vec![0.0; 3], named(&[thing("clock")]))], &vectors())[1], 0.9));
}

#[test]
fn a_norm_wants_the_detectors_that_find_what_its_cues_name() {
    let wants = |finds| vectors_by(&Card { finds, ..card() }).wants(Detector::Objects);
    let finds = |names: [&'static str; 2]| vec![super::super::Finds::new(Detector::Objects, names)];
    assert!(wants(finds(["spoon", "clock"])));
    assert!(!wants(finds(["spoon", "tie"])) && !wants(Vec::new()));
}

#[test]
fn a_norms_texts_are_kept_whole_or_not_at_all() {
    let texts = NormTexts {
        states: States::of(&[0.5, -1.0], 2),
        embeddings: vec![Arc::from([1.0, 2.0]), Arc::from([3.0, 4.0])],
        captions: vec![0.6, 0.8, 0.0],
    };
    let bytes = texts.to_bytes();
    assert_eq!(NormTexts::from_bytes(&bytes, 2).as_ref(), Some(&texts));
    assert_eq!(NormTexts::from_bytes(&bytes[..bytes.len() - 4], 2), None);
    assert_eq!(NormTexts::from_bytes(&bytes, 3), None);
    assert_eq!(NormTexts::from_bytes(&[], 2), None);
    let other = Card { matching: None, ..card() };
    let norm = norm("CN/clock-as-gift", "No clocks.", [&["clock"], &[], &[]]);
    assert!(
        NormVectors::of(&other, &norm, &texts).is_none(),
        "captions without a dual encoder are of another deployment"
    );
}
