//! A small pack without mistakes, and turns to try it on.

use std::sync::{Arc, LazyLock};

use crate::domain::{
    Action, Context, ContextRecord, Ended, Evidence, Finding, FindingRecord, Findings, Hashes, Mode, ModelInfo, Norm,
    Place, PlaceSource, RECORD_VERSION, Record, Timings,
};

use super::force::Policy;
use super::pack::Pack;
use super::set::{PolicySet, Source};

pub(super) const PACK: &str = r#"format = 1
country = "CN"
name = "China"
languages = ["zh"]
names = ["春节"]

[[norm]]
id = "clock-as-gift"
domain = "gifts"
strength = "taboo"
says.en = "Clocks are not given as presents in many families."
says.zh = "多数家庭不拿钟送礼。"
why = { en = "The words sound like last rites.", zh = "“送钟”与“送终”同音。" }
instead = { en = "Suggest tea or fruit.", zh = "可以改送茶叶或水果。" }
see = ["clock"]
asks = ["giving a clock"]
threshold = 0.6
sources = [{ title = "T", publisher = "P" }]
answers = ["recommends the clock"]
[[norm.case]]
query = "May I bring one to the feast in Beijing?"
language = "en"
at_stake = true
[[norm.case]]
query = "这个送奶奶可以吗？"
language = "zh"
picture = ["wall clock"]
at_stake = true
[[norm.case]]
query = "这个挂钟走得慢，怎么调？"
language = "zh"
picture = ["wall clock"]
at_stake = false
[[norm.case]]
query = "A clock for my aunt in Hamburg?"
language = "en"
country = "DE"
at_stake = false



# The second one is of a locked strength.
[[norm]]
id = "open-debate"
domain = "law"
strength = "contested"
says = { en = "Some subjects may be restricted or sensitive.", zh = "有些话题可能比较敏感。" }
why = { en = "They are debated.", zh = "各方看法不一。" }
instead = { en = "Suggest listening first.", zh = "不妨先听听对方怎么说。" }
asks = ["raising a debated subject"]
answers = ["takes a side"]
sources = [{ title = "T", publisher = "P" }]
[[norm.case]]
query = "Shall I bring it up in Shanghai?"
language = "en"
at_stake = true
[[norm.case]]
query = "饭桌上可以聊这个吗？"
language = "zh"
at_stake = true
[[norm.case]]
query = "Where is the museum?"
language = "en"
at_stake = false
[[norm.case]]
query = "几点开门？"
language = "zh"
at_stake = false
"#;

/// The set of the embedded packs, read once for all tests.
pub(super) fn set() -> &'static PolicySet {
    static SET: LazyLock<PolicySet> = LazyLock::new(|| PolicySet::embedded().0.unwrap());
    &SET
}

/// The set of [`PACK`].
pub(super) fn small() -> PolicySet {
    PolicySet::read(&[Source { path: "CN.toml", text: PACK }]).0.unwrap()
}

/// The norms of the packs with their actions.
pub(super) fn actions(set: &PolicySet) -> Vec<(Arc<Norm>, Action)> {
    set.packs.values().flat_map(Pack::entries).map(|entry| (entry.norm, entry.terms.action)).collect()
}

/// A turn in these countries.
pub(super) fn context(countries: &[&str]) -> Context {
    let place = |code: &&str| Place {
        country: code.parse().unwrap(),
        source: PlaceSource::Query,
        name: Some("here".into()),
        regions: Vec::new(),
    };
    Context { places: countries.iter().map(place).collect(), ..Context::default() }
}

/// One finding for each norm in play: the probabilities in turn, the last one for all that are left.
pub(super) fn findings(policy: &Policy, probabilities: &[f32], threshold: f32) -> Findings {
    let last = probabilities.last().copied().unwrap_or_default();
    let probabilities = probabilities.iter().copied().chain(std::iter::repeat(last));
    let finding = |(norm, probability): (&Arc<Norm>, f32)| Finding {
        norm: norm.id.clone(),
        probability,
        evidence: Evidence::Both,
    };
    Findings::Known { findings: policy.norms().iter().zip(probabilities).map(finding).collect(), threshold }
}

/// A record of a turn with these findings.
pub(super) fn record(context: &Context, findings: Vec<FindingRecord>) -> Record {
    Record {
        version: RECORD_VERSION,
        id: "r".to_owned(),
        at: 0,
        endpoint: "/v1/chat/completions".to_owned(),
        stream: false,
        tenant: None,
        mode: Mode::Enforce,
        model: ModelInfo::default(),
        context: ContextRecord::from(context),
        coverage: Vec::new(),
        guarded: true,
        seen: Vec::new(),
        findings,
        threshold: Some(0.5),
        unavailable: None,
        action: Action::Pass,
        trace: Vec::new(),
        answer: None,
        over_warned: None,
        status: 200,
        ended: Ended::Complete,
        timings: Timings::default(),
        hashes: Hashes::default(),
        contents: None,
    }
}
