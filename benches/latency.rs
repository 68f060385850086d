//! What Comity adds to a request, against a direct call to the same model server; and where it goes. `cargo bench`, then read docs/benchmarks.md.
//!
//! The model server answers at once, so the differences are Comity's own. Medians are to be read, as ratios within one run. Every call is checked: that
//! the gateway decided what the benchmark's name says, and that the answer is as long as the model server's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::indexing_slicing)]
#![allow(clippy::wildcard_imports)] // the groups below are one file's

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use comity::domain::{Country, Language, Message, Norm, Part, Picture, Role, Turn};
use comity::wire::sse;
use comity::wire::{Api, Inbound, NotePlace};
use divan::Bencher;
use support::{ANSWER, CHAT, CLASSIFIER, Connection, Door, EMBEDDINGS, RUNTIME, events, fresh, policies, post};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Nobody's culture: no pack is in play.
const NOWHERE: &str = "How do I boil an egg?";
/// A pack is in play, nothing is at stake.
const HARMLESS: &str = "Where near the Bund in Shanghai can I get a coffee before nine?";
/// A norm at stake whose action is `educate`.
const TAUGHT: &str =
    "Mi compañera de Kioto se casa el sábado y le regalo este cuchillo. ¿Qué papel y qué lazo le pongo?";
/// A norm at stake whose action is `rewrite`.
const GUARDED: &str = "Dinner at a family home in Kyoto: can I park my chopsticks standing in the rice while I talk?";

fn main() {
    divan::main();
}

fn request(query: &str, rest: &str) -> Bytes {
    let query = serde_json::to_string(query).unwrap();
    format!(r#"{{"messages":[{{"role":"user","content":{query}}}],{rest}}}"#).into()
}

fn whole(query: &str) -> Bytes {
    request(query, r#""model":"m""#)
}

fn stream(query: &str) -> Bytes {
    request(query, r#""model":"m","stream":true"#)
}

/// A request with a picture of a MiB of base64.
fn picture(query: &str) -> Bytes {
    let (query, base64) = (serde_json::to_string(query).unwrap(), base64_simd::STANDARD.encode_to_string(big_jpeg()));
    let url = format!(r#"{{"type":"image_url","image_url":{{"url":"data:image/jpeg;base64,{base64}"}}}}"#);
    let content = format!(r#"[{{"type":"text","text":{query}}},{url}]"#);
    format!(r#"{{"messages":[{{"role":"user","content":{content}}}],"model":"m"}}"#).into()
}

/// A small photograph, and behind its end as many bytes as a phone's has; decoders pass over those.
fn big_jpeg() -> Vec<u8> {
    let mut bytes = include_bytes!("../examples/pictures/clock.jpg").to_vec();
    bytes.resize(786_432, 0x55);
    bytes
}

/// One request after the other over one kept connection.
fn calls(bencher: Bencher, (door, path, decision): (Door, &str, &str), body: impl Fn() -> Bytes) {
    let length = Connection::open(Door::Direct).call(post(path, body())).body().len();
    let mut connection = Connection::open(door);
    let mut call = |request| {
        let response = connection.call(request);
        let decided = response.headers().get("comity-decision").map_or("", |word| word.to_str().unwrap());
        assert_eq!((response.status().as_u16(), decided, response.body().len()), (200, decision, length));
    };
    call(post(path, body()));
    bencher.with_inputs(|| post(path, body())).bench_local_values(call);
}

#[divan::bench_group(sample_count = 1000, max_time = 5)]
mod request_small {
    use super::*;

    #[divan::bench]
    fn a_direct(bencher: Bencher) {
        calls(bencher, (Door::Direct, CHAT, ""), || whole(NOWHERE));
    }

    #[divan::bench]
    fn b_other_path_passed_through(bencher: Bencher) {
        calls(bencher, (Door::Enforce, EMBEDDINGS, "unguarded"), || whole(NOWHERE));
    }

    #[divan::bench]
    fn c_pass_nothing_in_play(bencher: Bencher) {
        calls(bencher, (Door::Enforce, CHAT, "pass"), || whole(NOWHERE));
    }

    #[divan::bench]
    fn d_pass_in_play_question_cached(bencher: Bencher) {
        calls(bencher, (Door::Enforce, CHAT, "pass"), || whole(HARMLESS));
    }

    #[divan::bench]
    fn e_educate_question_cached(bencher: Bencher) {
        calls(bencher, (Door::Enforce, CHAT, "educate"), || whole(TAUGHT));
    }

    #[divan::bench]
    fn f_rewrite_answer_holds_all_cached(bencher: Bencher) {
        calls(bencher, (Door::Enforce, CHAT, "rewrite"), || whole(GUARDED));
    }

    #[divan::bench]
    fn g_shadow_nothing_in_play(bencher: Bencher) {
        calls(bencher, (Door::Shadow, CHAT, "shadow"), || whole(NOWHERE));
    }

    #[divan::bench]
    fn h_shadow_in_play_all_cached(bencher: Bencher) {
        calls(bencher, (Door::Shadow, CHAT, "shadow"), || whole(GUARDED));
    }
}

#[divan::bench_group(sample_count = 500, max_time = 10)]
mod request_stream_of_20_sentences {
    use super::*;

    #[divan::bench]
    fn a_direct(bencher: Bencher) {
        calls(bencher, (Door::Direct, CHAT, ""), || stream(GUARDED));
    }

    #[divan::bench]
    fn b_pass_nothing_in_play(bencher: Bencher) {
        calls(bencher, (Door::Enforce, CHAT, "pass"), || stream(NOWHERE));
    }

    #[divan::bench]
    fn c_sentence_guard_holds_all_cached(bencher: Bencher) {
        calls(bencher, (Door::Enforce, CHAT, "rewrite"), || stream(GUARDED));
    }

    #[divan::bench]
    fn d_sentence_guard_holds_new_sentences(bencher: Bencher) {
        calls(bencher, (Door::Enforce, CHAT, "rewrite"), || request(GUARDED, r#""model":"new","stream":true"#));
    }
}

#[divan::bench_group(sample_count = 500, max_time = 5)]
mod request_1_mib_picture {
    use super::*;

    #[divan::bench]
    fn a_direct(bencher: Bencher) {
        let body = picture(NOWHERE);
        calls(bencher, (Door::Direct, CHAT, ""), || body.clone());
    }

    #[divan::bench]
    fn b_other_path_passed_through(bencher: Bencher) {
        let body = picture(NOWHERE);
        calls(bencher, (Door::Enforce, EMBEDDINGS, "unguarded"), || body.clone());
    }

    #[divan::bench]
    fn c_pass_nothing_in_play(bencher: Bencher) {
        let body = picture(NOWHERE);
        calls(bencher, (Door::Enforce, CHAT, "pass"), || body.clone());
    }

    #[divan::bench]
    fn d_pass_in_play_all_cached(bencher: Bencher) {
        let body = picture(HARMLESS);
        calls(bencher, (Door::Enforce, CHAT, "pass"), || body.clone());
    }

    #[divan::bench]
    fn e_shadow_nothing_in_play(bencher: Bencher) {
        let body = picture(NOWHERE);
        calls(bencher, (Door::Shadow, CHAT, "shadow"), || body.clone());
    }
}

#[divan::bench_group(sample_count = 100, max_time = 10)]
mod classification {
    use super::*;

    fn norms() -> Vec<Arc<Norm>> {
        let china: Country = "CN".parse().unwrap();
        policies().pack(china).unwrap().norms.clone()
    }

    fn turn(picture: Option<Vec<u8>>) -> Turn {
        let text = Part::Text(format!("May I bring one of these to feast number {} in Beijing?", fresh()));
        let picture = picture.map(|bytes| base64_simd::STANDARD.encode_to_string(bytes));
        let picture = picture.map(|base64| Part::Picture(Picture::Inline(Bytes::from(base64))));
        Turn { messages: vec![Message { role: Some(Role::User), parts: [text].into_iter().chain(picture).collect() }] }
    }

    /// The same photograph each time to a decoder, another one to a cache.
    fn turn_with_picture() -> Turn {
        let mut bytes = include_bytes!("../examples/pictures/clock.jpg").to_vec();
        bytes.extend(fresh().to_le_bytes());
        turn(Some(bytes))
    }

    fn deadline() -> tokio::time::Instant {
        tokio::time::Instant::now() + Duration::from_secs(10)
    }

    fn classify(turn: &Turn, norms: &[Arc<Norm>]) {
        let reading = RUNTIME.block_on(CLASSIFIER.classify(turn, Some(Language::ENGLISH), norms, deadline()));
        assert!(matches!(reading.findings, comity::domain::Findings::Known { .. }));
    }

    #[divan::bench]
    fn a_question_cached(bencher: Bencher) {
        let (norms, turn) = (norms(), turn(None));
        classify(&turn, &norms);
        bencher.bench_local(|| classify(&turn, &norms));
    }

    #[divan::bench]
    fn b_question_new(bencher: Bencher) {
        let norms = norms();
        bencher.with_inputs(|| turn(None)).bench_local_values(|turn| classify(&turn, &norms));
    }

    #[divan::bench]
    fn c_question_and_picture_cached(bencher: Bencher) {
        let (norms, turn) = (norms(), turn_with_picture());
        classify(&turn, &norms);
        bencher.bench_local(|| classify(&turn, &norms));
    }

    #[divan::bench]
    fn d_question_and_picture_new(bencher: Bencher) {
        let norms = norms();
        bencher.with_inputs(turn_with_picture).bench_local_values(|turn| classify(&turn, &norms));
    }

    fn judge(sentence: &str, norms: &[Arc<Norm>]) {
        RUNTIME.block_on(CLASSIFIER.judge(HARMLESS, sentence, norms, deadline())).unwrap();
    }

    #[divan::bench]
    fn e_sentence_judged_cached(bencher: Bencher) {
        let norms = norms();
        judge(ANSWER, &norms[..1]);
        bencher.bench_local(|| judge(ANSWER, &norms[..1]));
    }

    #[divan::bench]
    fn f_sentence_judged_new(bencher: Bencher) {
        let norms = norms();
        judge(ANSWER, &norms[..1]); // the question and the norm are known by then
        let sentence = || format!("Take the number {:07} tea along instead, and wrap it in red paper.", fresh());
        bencher.with_inputs(sentence).bench_local_values(|sentence| judge(&sentence, &norms[..1]));
    }
}

mod wire {
    use super::*;

    #[divan::bench]
    fn a_copy_1_mib_picture_request(bencher: Bencher) {
        let body = picture(NOWHERE);
        bencher.bench_local(|| Bytes::copy_from_slice(&body));
    }

    #[divan::bench]
    fn b_read_it_into_serde_json_values(bencher: Bencher) {
        let body = picture(NOWHERE);
        bencher.bench_local(|| serde_json::from_slice::<serde_json::Value>(&body).unwrap());
    }

    #[divan::bench]
    fn c_read_it_as_comity_does(bencher: Bencher) {
        let body = picture(NOWHERE);
        bencher.bench_local(|| Inbound::read(Api::Chat, body.clone()).unwrap());
    }

    #[divan::bench]
    fn d_put_a_note_into_it(bencher: Bencher) {
        let inbound = Inbound::read(Api::Chat, picture(NOWHERE)).unwrap();
        bencher.bench_local(|| inbound.educated("A note of some length.", NotePlace::BeforeUser));
    }

    #[divan::bench]
    fn e_copy_1000_events(bencher: Bencher) {
        let bytes = Bytes::from(events(1000, false).concat());
        bencher.bench_local(|| Bytes::copy_from_slice(&bytes));
    }

    #[divan::bench]
    fn f_decode_1000_events(bencher: Bencher) {
        let bytes = Bytes::from(events(1000, false).concat());
        bencher.bench_local(|| {
            let mut decoder = sse::Decoder::new(1 << 20);
            decoder.push(&bytes);
            std::iter::from_fn(|| decoder.next().unwrap()).count()
        });
    }
}

mod guard {
    use super::*;

    use comity::domain::{Fallback, GuardPlan, Judgement, NormJudgement, Outcome, StreamGuard};
    use comity::guard::{Answer, Next, pieces};

    fn text() -> String {
        format!("{ANSWER} ").repeat(20)
    }

    fn plan() -> GuardPlan {
        let norms = policies().norms().take(1).cloned().collect::<Vec<_>>();
        GuardPlan {
            repaired: norms.iter().map(|norm| norm.id.clone()).collect(),
            norms,
            stream: StreamGuard::Sentence,
            tries: 1,
            repair_seconds: 1,
            fallback: Fallback::Append,
            fail_closed: true,
            language: Language::ENGLISH,
            most_held: 1 << 20,
        }
    }

    /// Drives the machine as far as it goes, with the same judgement of each piece.
    fn drive(answer: &mut Answer, judgement: &Judgement) {
        loop {
            match answer.next() {
                Next::Judge(_) => answer.judged(Ok(judgement.clone())),
                Next::Release(_) => {}
                Next::Wait | Next::Done => return,
                other @ (Next::Repair(_) | Next::Correct(_) | Next::Refuse(_) | Next::Say(_)) => panic!("{other:?}"),
            }
        }
    }

    fn guarded(bencher: Bencher, deltas: &[&str]) {
        let plan = plan();
        let norms = plan.norms.iter().map(|norm| norm.id.clone());
        let holds = |norm| NormJudgement { norm, breaches: 0.0, aware: 1.0, educates: 0.0 };
        let judgement = Judgement { norms: norms.map(holds).collect(), helpful: 1.0, threshold: 0.5 };
        bencher.with_inputs(|| Answer::new(plan.clone())).bench_local_values(|mut answer| {
            for delta in deltas {
                answer.push(delta);
                drive(&mut answer, &judgement);
            }
            answer.finish();
            drive(&mut answer, &judgement);
            assert_eq!(answer.verdict().outcome, Outcome::Kept);
        });
    }

    #[divan::bench]
    fn a_cut_20_sentences(bencher: Bencher) {
        let text = text();
        bencher.bench_local(|| pieces(&text).len());
    }

    #[divan::bench]
    fn b_guard_20_sentences_in_one_delta(bencher: Bencher) {
        guarded(bencher, &[&text()]);
    }

    /// A word is about what a model server puts into an event.
    #[divan::bench]
    fn c_guard_20_sentences_word_by_word(bencher: Bencher) {
        let text = text();
        guarded(bencher, &text.split_inclusive(' ').collect::<Vec<_>>());
    }
}
