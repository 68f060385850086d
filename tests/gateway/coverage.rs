//! What is odd in a request is served all the same, and the record says what was not looked at, and why.

use comity::domain::{Coverage, Outcome, Record, Scan, Unavailable};

use crate::support::bodies::{ask, ask_stream, completion, gzip, quoted, stream};
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::Mind;
use crate::support::upstream::Reply;

/// What became of a part.
fn why<'a>(coverage: &'a [Coverage], part: &str) -> &'a str {
    let one = coverage.iter().find(|one| one.part == part).unwrap_or_else(|| panic!("{part} is not in {coverage:?}"));
    match &one.scan {
        Scan::Scanned => "scanned",
        Scan::Unscanned(why) => why,
    }
}

async fn served(setup: Setup, headers: &[(&str, &str)], body: Vec<u8>) -> Record {
    let gateway = Gateway::start(setup, vec![Reply::json(completion("Tea."))]).await;
    let answer = gateway.client.chat_with(headers, body.clone()).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, completion("Tea.").as_bytes()));
    assert_eq!(gateway.upstream.only().body, body);
    gateway.finish_one().await
}

/// A png whose header announces these sides.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let picture = image::DynamicImage::ImageRgb8(image::RgbImage::from_pixel(4, 4, image::Rgb([9, 9, 9])));
    picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
    let mut bytes = file.into_inner();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn data_url(bytes: &[u8]) -> String {
    format!("data:image/png;base64,{}", base64_simd::STANDARD.encode_to_string(bytes))
}

fn with_picture(url: &str) -> Vec<u8> {
    format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":[{{\"type\":\"text\",\"text\":\"Where?\"}}, {{\"type\":\"image_url\",\"image_url\":{{\"url\":{}}}}}]}}]}}",
        quoted(url)
    )
    .into_bytes()
}

#[tokio::test]
async fn pictures_are_looked_at_or_the_record_says_why_not() {
    let good = png(4, 4);
    let bomb = png(10_000, 10_000);
    let large = format!("data:image/png;base64,{}", "A".repeat(30 << 10));
    let mut damaged = good.clone();
    damaged.truncate(60);
    for (url, expected) in [
        (data_url(&good), "scanned"),
        (format!(" \n {} ", data_url(&good)), "scanned"),
        (data_url(&good).replace("data:image/png", "DATA:Image/PNG;charset=utf-8"), "scanned"),
        (data_url(&good).replacen("base64,", "base64, \n", 1), "scanned"),
        (data_url(b"this is no picture at all"), "not-a-picture"),
        ("data:image/png;base64,!!!!".to_owned(), "not-base64"),
        (data_url(&bomb), "too-many-pixels"),
        (data_url(&damaged), "truncated-picture"),
        ("https://example.org/cat.png".to_owned(), "remote-url"),
        ("file:///etc/passwd".to_owned(), "bad-url"),
        (large, "not-a-picture"),
    ] {
        for setup in [Setup::default(), Setup::shadow(Mind::Fine)] {
            let record = served(setup, &[], with_picture(&url)).await;
            let start: String = url.chars().take(60).collect();
            assert_eq!(why(&record.coverage, "messages[0]: picture"), expected, "{start}");
            assert_eq!(why(&record.coverage, "messages[0]: text"), "scanned");
            assert_eq!(record.seen.len(), usize::from(expected == "scanned"));
            assert!(!serde_json::to_string(&record).unwrap().contains("iVBOR"), "nothing of a picture is recorded");
        }
    }
}

#[tokio::test]
async fn the_frames_of_an_animation_that_nobody_looks_at_are_told_of() {
    let mut file = Vec::new();
    let mut gif = image::codecs::gif::GifEncoder::new(&mut file);
    for grey in [9, 200] {
        gif.encode_frame(image::Frame::new(image::RgbaImage::from_pixel(4, 4, image::Rgba([grey; 4])))).unwrap();
    }
    drop(gif);
    let record = served(Setup::default(), &[], with_picture(&data_url(&file))).await;
    assert_eq!(why(&record.coverage, "messages[0]: picture"), "scanned");
    assert_eq!(why(&record.coverage, "messages[0]: picture, its other frames"), "not-read");
}

#[tokio::test]
async fn pictures_of_tools_and_of_earlier_turns_are_told_of() {
    let part = format!("{{\"type\":\"image_url\",\"image_url\":{{\"url\":{}}}}}", quoted(&data_url(&png(4, 4))));
    let body = format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":[{part}]}},{{\"role\":\"assistant\",\"content\":\"Nice.\"}},\
         {{\"role\":\"user\",\"content\":\"Where?\"}},{{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{{\"id\":\"c\",\"type\":\"function\",\
         \"function\":{{\"name\":\"f\",\"arguments\":\"x\"}}}}]}},{{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":[{part}]}}]}}"
    );
    let record = served(Setup::default(), &[], body.into_bytes()).await;
    assert_eq!(why(&record.coverage, "messages[0]: picture"), "other-turn");
    assert_eq!(why(&record.coverage, "messages[4]: picture"), "scanned");
    assert_eq!(why(&record.coverage, "messages[3]: tool-arguments"), "not-read");
}

#[tokio::test]
async fn odd_spellings_are_served_and_understood() {
    for body in [
        format!("\u{feff}{}", ask("watchword?")),
        format!("{}\n\n \t", ask("watchword?")),
        ask("watchword?").replace("\"x_unknown\"", "\"x_\\ud800\": \"\\udfff\", \"x_unknown\""),
        ask("watchword?").replace("1.0e0", "1e400"),
        ask("watchword?").replace("\"role\":\"user\"", "\"role\":\"user\",\"name\":\"\\ud83d\""),
    ] {
        let record = served(Setup::default(), &[], body.clone().into_bytes()).await;
        assert_eq!(record.action, comity::domain::Action::Observe, "{body}");
    }
}

#[tokio::test]
async fn in_shadow_whatever_comes_is_served_and_told_of() {
    let duplicate = b"{\"messages\":[],\"messages\":[]}".to_vec();
    for (headers, body, expected) in [
        (vec![], b"{\"messages\":[".to_vec(), "malformed"),
        (vec![], duplicate, "malformed"),
        (vec![], b"\xff\xfe\0binary".to_vec(), "malformed"),
        (vec![("content-encoding", "br")], ask("Where?").into_bytes(), "content-encoding"),
        (vec![("content-encoding", "gzip")], b"no gzip".to_vec(), "content-encoding"),
        (vec![], vec![b' '; 5 << 20], "too-large"),
    ] {
        let record = served(Setup::shadow(Mind::Fine), &headers, body).await;
        assert_eq!(why(&record.coverage, "request"), expected);
    }
    let record =
        served(Setup::shadow(Mind::Fine), &[("content-encoding", "gzip")], gzip(ask("mendword?").as_bytes())).await;
    assert_eq!(record.action, comity::domain::Action::Rewrite);
    let record =
        served(Setup::shadow(Mind::Fine), &[("comity-country", "Narnia")], ask("mendword?").into_bytes()).await;
    assert_eq!(why(&record.coverage, "comity-country"), "unknown-country");
}

#[tokio::test]
async fn silence_is_never_taken_for_nothing_at_stake() {
    for (mind, reason) in [(Mind::Dead, "failed"), (Mind::Panicking, "failed"), (Mind::Off, "off")] {
        let record = served(Setup { mind, ..Setup::default() }, &[], ask("mendword?").into_bytes()).await;
        assert_eq!(record.unavailable.map(Unavailable::word), Some(reason));
        assert!(
            record.findings.is_empty() && record.coverage.iter().all(|one| one.scan != Scan::Scanned),
            "{record:?}"
        );
    }
}

#[tokio::test]
async fn a_busy_classifier_is_told_of() {
    let gate = crate::support::Gate::new();
    let gateway = Gateway::start(
        Setup { mind: Mind::Busy(gate.clone()), ..Setup::default() },
        vec![Reply::json(completion("Tea."))],
    )
    .await;
    let waiting: Vec<_> = (0..4)
        .map(|number| {
            let client = gateway.client.clone();
            tokio::spawn(async move { client.chat(ask(&format!("Where is {number}?"))).await.status.as_u16() })
        })
        .collect();
    // One is with the thread, one waits; the two others are turned away at once and pass as the floor says.
    let early = gateway.recorded(2).await;
    assert!(early.iter().all(|record| record.unavailable.map(Unavailable::word) == Some("busy")), "{early:?}");
    gate.open();
    for one in waiting {
        assert_eq!(one.await.unwrap(), 200);
    }
    assert_eq!(gateway.finish().await.len(), 4);
}

#[tokio::test]
async fn more_to_look_at_than_there_are_observers_goes_by_and_is_told_of() {
    let none = |settings: &mut comity::gateway::Settings| settings.limits.observers = 0;
    let record = served(Setup::shadow(Mind::Fine).with(none), &[], ask("mendword?").into_bytes()).await;
    assert_eq!(why(&record.coverage, "request"), "observers-busy");
    let gateway = Gateway::start(Setup::default().with(none), vec![Reply::events(stream(&["Tea."]))]).await;
    gateway.client.chat(ask_stream("teachword?")).await;
    let record = gateway.finish_one().await;
    assert_eq!(why(&record.coverage, "answer"), "observers-busy");
    assert_ne!(record.answer.map(|answer| answer.outcome), Some(Outcome::Kept));
}

#[tokio::test]
async fn an_answer_nobody_could_read_is_unverified() {
    for reply in
        [Reply::json("no json"), Reply::json(vec![b' '; 2 << 20]), Reply::json("x").header("content-encoding", "zstd")]
    {
        for setup in [Setup::default(), Setup::shadow(Mind::Fine)] {
            let gateway = Gateway::start(setup, vec![reply.clone()]).await;
            gateway.client.chat(ask("teachword?")).await;
            let record = gateway.finish_one().await;
            assert!(!why(&record.coverage, "answer").is_empty());
            assert_eq!(record.answer.map(|answer| answer.outcome), Some(Outcome::Unverified));
        }
    }
}

/// What the record says of a message or an item that stands at this place of a request: its parts, and what became of each.
fn told(record: &Record, at: usize) -> Vec<(String, String)> {
    let start = format!("messages[{at}]: ");
    let parts = record.coverage.iter().filter_map(|one| {
        let part = one.part.strip_prefix(&start)?.to_owned();
        Some((part, why(&record.coverage, &one.part).to_owned()))
    });
    parts.collect()
}

fn expected(parts: &[(&str, &str)]) -> Vec<(String, String)> {
    parts.iter().map(|(part, why)| ((*part).to_owned(), (*why).to_owned())).collect()
}

#[tokio::test]
async fn every_part_of_every_message_is_told_of() {
    let picture = format!("{{\"type\":\"image_url\",\"image_url\":{{\"url\":{}}}}}", quoted(&data_url(&png(4, 4))));
    let with_picture =
        format!(r#"{{"role":"tool","tool_call_id":"c","content":[{{"type":"text","text":"a"}},{picture}]}}"#);
    let table: &[(&str, &[(&str, &str)])] = &[
        (r#"{"role":"system","content":"a"}"#, &[("text", "not-read")]),
        (r#"{"role":"developer","content":[{"type":"text","text":"a"}]}"#, &[("text", "not-read")]),
        (r#"{"role":"user","content":"a"}"#, &[("text", "other-turn")]),
        (
            r#"{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}"#,
            &[("input_audio", "not-read")],
        ),
        (r#"{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}"#, &[("file", "not-read")]),
        (
            r#"{"role":"user","content":[{"type":"video_url","video_url":{"url":"https://example.org/a"}}]}"#,
            &[("video_url", "not-read")],
        ),
        (
            r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.org/a.png"}}]}"#,
            &[("picture", "other-turn")],
        ),
        (r#"{"role":"assistant","content":"a"}"#, &[("text", "other-turn")]),
        (r#"{"role":"assistant","content":null,"refusal":"a"}"#, &[("text", "other-turn")]),
        (r#"{"role":"assistant","content":[{"type":"refusal","refusal":"a"}]}"#, &[("text", "other-turn")]),
        (
            r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}"#,
            &[("tool-arguments", "not-read")],
        ),
        (
            r#"{"role":"assistant","function_call":{"name":"f","arguments":"{}"},"content":"a"}"#,
            &[("text", "other-turn"), ("tool-arguments", "not-read")],
        ),
        (r#"{"role":"assistant","audio":{"id":"a"}}"#, &[("audio", "not-read")]),
        (
            r#"{"role":"assistant","content":"a","reasoning_content":"hm","thinking_blocks":[{"thinking":"hm"}]}"#,
            &[("text", "other-turn"), ("reasoning", "not-read")],
        ),
        (r#"{"role":"tool","tool_call_id":"c","content":"a"}"#, &[("text", "not-read")]),
        (r#"{"role":"function","name":"f","content":"a"}"#, &[("text", "not-read")]),
        (&with_picture, &[("text", "not-read"), ("picture", "other-turn")]),
        (r#"{"role":"critic","content":"a"}"#, &[("text", "not-read")]),
        (r#"{"role":"user","content":["a"]}"#, &[("text", "other-turn")]),
    ];
    let messages = table.iter().map(|(message, _)| *message).collect::<Vec<_>>().join(",");
    let newest =
        r#"{"role":"user","content":[{"type":"text","text":"Where?"},{"type":"image_url","image_url":{"url":"x"}}]}"#;
    let record = served(Setup::default(), &[], format!(r#"{{"messages":[{messages},{newest}]}}"#).into_bytes()).await;
    for (at, (message, parts)) in table.iter().enumerate() {
        assert_eq!(told(&record, at), expected(parts), "{message}");
    }
    assert_eq!(told(&record, table.len()), expected(&[("text", "scanned"), ("picture", "bad-url")]));
    // The newest exchange may go on behind the question: a picture that a tool took is looked at, its words are not.
    let record = served(
        Setup::default(),
        &[],
        format!(r#"{{"messages":[{{"role":"user","content":"Where?"}},{with_picture}]}}"#).into_bytes(),
    )
    .await;
    assert_eq!(told(&record, 1), expected(&[("text", "not-read"), ("picture", "scanned")]));
}

/// Items of an input, and what the record says of each. In the place of `SEEN` comes a picture.
const ITEMS: &[(&str, &[(&str, &str)])] = &[
    (r#"{"role":"user","content":"a"}"#, &[("text", "other-turn")]),
    (r#"{"type":"message","role":"developer","content":[{"type":"input_text","text":"a"}]}"#, &[("text", "not-read")]),
    (
        r#"{"type":"message","role":"user","content":[{"type":"input_file","file_url":"https://example.org"},{"type":"input_audio","input_audio":{}}]}"#,
        &[("input_file", "not-read"), ("input_audio", "not-read")],
    ),
    (r#"{"type":"message","role":"user","content":[{"type":"input_image","file_id":"f"}]}"#, &[("picture", "file-id")]),
    (
        r#"{"type":"message","role":"assistant","id":"m","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"b"}]}"#,
        &[("text", "other-turn")],
    ),
    (
        r#"{"type":"file_search_call","id":"i","queries":["a"],"results":[{"text":"b"}]}"#,
        &[("file_search_call", "not-read")],
    ),
    (
        r#"{"type":"web_search_call","id":"i","action":{"type":"search","query":"a"}}"#,
        &[("web_search_call", "not-read")],
    ),
    (
        r#"{"type":"computer_call","id":"i","call_id":"c","action":{"type":"type","text":"a"}}"#,
        &[("computer_call", "not-read")],
    ),
    (
        r#"{"type":"computer_call_output","call_id":"c","output":{"type":"computer_screenshot","file_id":"f"}}"#,
        &[("picture", "file-id")],
    ),
    (r#"{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}"#, &[("tool-arguments", "not-read")]),
    (r#"{"type":"function_call_output","call_id":"c","output":"a"}"#, &[("text", "not-read")]),
    (
        r#"{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"SEEN"},{"type":"input_file","file_id":"f"}]}"#,
        &[("text", "not-read"), ("picture", "scanned"), ("input_file", "not-read")],
    ),
    (r#"{"type":"tool_search_call","arguments":{"a":1}}"#, &[("tool-arguments", "not-read")]),
    (
        r#"{"type":"tool_search_output","tools":[{"type":"function","name":"f"}]}"#,
        &[("tool_search_output", "not-read")],
    ),
    (
        r#"{"type":"additional_tools","role":"developer","tools":[{"type":"function","name":"f"}]}"#,
        &[("additional_tools", "not-read")],
    ),
    (
        r#"{"type":"reasoning","id":"i","summary":[{"type":"summary_text","text":"a"}],"content":[{"type":"reasoning_text","text":"b"}],"encrypted_content":"c"}"#,
        &[("reasoning", "not-read"), ("reasoning_text", "not-read"), ("encrypted-content", "not-read")],
    ),
    (r#"{"type":"reasoning","id":"i","summary":[]}"#, &[("reasoning", "not-read")]),
    (r#"{"type":"compaction","encrypted_content":"a"}"#, &[("encrypted-content", "not-read")]),
    (r#"{"type":"compaction_trigger"}"#, &[("compaction_trigger", "not-read")]),
    (r#"{"type":"image_generation_call","id":"i","result":"AAAA"}"#, &[("image_generation_call", "not-read")]),
    (
        r#"{"type":"code_interpreter_call","id":"i","code":"a","outputs":[{"type":"logs","logs":"b"}]}"#,
        &[("code_interpreter_call", "not-read")],
    ),
    (r#"{"type":"program","code":"a","call_id":"c"}"#, &[("program", "not-read")]),
    (r#"{"type":"program_output","call_id":"c","result":"a"}"#, &[("program_output", "not-read")]),
    (r#"{"type":"local_shell_call","call_id":"c","action":{"command":["a"]}}"#, &[("local_shell_call", "not-read")]),
    (r#"{"type":"local_shell_call_output","id":"i","output":"a"}"#, &[("text", "not-read")]),
    (r#"{"type":"shell_call","call_id":"c","action":{"commands":["a"]}}"#, &[("shell_call", "not-read")]),
    (
        r#"{"type":"shell_call_output","call_id":"c","output":[{"stdout":"a","stderr":"","outcome":{"type":"exit","exit_code":0}}]}"#,
        &[("shell_call_output", "not-read")],
    ),
    (
        r#"{"type":"apply_patch_call","call_id":"c","operation":{"type":"delete_file","path":"a"}}"#,
        &[("apply_patch_call", "not-read")],
    ),
    (r#"{"type":"apply_patch_call_output","call_id":"c","status":"failed","output":"a"}"#, &[("text", "not-read")]),
    (
        r#"{"type":"apply_patch_call_output","call_id":"c","status":"completed","output":null}"#,
        &[("apply_patch_call_output", "not-read")],
    ),
    (
        r#"{"type":"mcp_list_tools","server_label":"s","tools":[{"name":"f","description":"a"}]}"#,
        &[("mcp_list_tools", "not-read")],
    ),
    (r#"{"type":"mcp_approval_request","name":"f","arguments":"{}"}"#, &[("tool-arguments", "not-read")]),
    (r#"{"type":"mcp_approval_response","approve":false,"reason":"a"}"#, &[("mcp_approval_response", "not-read")]),
    (
        r#"{"type":"mcp_call","name":"f","arguments":"{}","output":"a"}"#,
        &[("text", "not-read"), ("tool-arguments", "not-read")],
    ),
    (r#"{"type":"custom_tool_call","call_id":"c","name":"f","input":"a"}"#, &[("tool-arguments", "not-read")]),
    (r#"{"type":"custom_tool_call_output","call_id":"c","output":"a"}"#, &[("text", "not-read")]),
    (r#"{"type":"a_kind_of_tomorrow","content":[{"type":"input_text","text":"a"}]}"#, &[("text", "not-read")]),
    (r#"{"type":"another_kind_of_tomorrow","payload":"a"}"#, &[("another_kind_of_tomorrow", "not-read")]),
    (r#"{"type":"item_reference","id":"i"}"#, &[("item_reference", "kept-upstream")]),
    (r#"{"id":"i"}"#, &[("item_reference", "kept-upstream")]),
];

#[tokio::test]
async fn every_item_of_an_input_is_told_of() {
    let items = ITEMS.iter().map(|(item, _)| *item).collect::<Vec<_>>().join(",");
    let items = items.replace("\"SEEN\"", &quoted(&data_url(&png(4, 4))));
    let body = format!(r#"{{"input":[{items},{{"role":"user","content":"Where?"}}],"instructions":"Be brief."}}"#);
    let reply = r#"{"output":[{"type":"message","content":[{"type":"output_text","text":"Tea."}]}]}"#;
    for setup in [Setup::default(), Setup::shadow(Mind::Fine)] {
        let gateway = Gateway::start(setup, vec![Reply::json(reply)]).await;
        let answer = gateway.client.send(http::Method::POST, "/v1/responses", &[], body.clone()).await;
        assert_eq!((answer.status.as_u16(), &gateway.upstream.only().body[..]), (200, body.as_bytes()));
        let record = gateway.finish_one().await;
        assert_eq!(told(&record, 0), expected(&[("text", "not-read")]), "the instructions");
        for (at, (item, parts)) in ITEMS.iter().enumerate() {
            let (mut found, mut wanted) = (told(&record, at + 1), expected(parts));
            found.sort();
            wanted.sort();
            assert_eq!(found, wanted, "{item}");
        }
        assert_eq!(told(&record, ITEMS.len() + 1), expected(&[("text", "scanned")]));
    }
}
