//! The words of the trade: what every other module speaks. No I/O, no wire format, no clock.

mod country;
mod decision;
mod finding;
mod language;
mod layer;
mod norm;
mod record;
mod score;
mod turn;
mod verdict;

pub use country::{Country, UnknownCountry};
pub use decision::{Action, Decision, Fallback, GuardPlan, Mode, Ruling, Step, StreamGuard};
pub use finding::{Coverage, Detector, Evidence, Finding, Findings, Label, Reading, Scan, Seen, Thing, Unavailable};
pub use language::{Language, UnknownLanguage};
pub use layer::{Adjustment, Layer, Layers, Wish};
pub use norm::{Domain, Norm, NormId, Source, Strength, Texts, UnknownNormId, UnknownWord};
pub use record::{
    AnswerRecord, Contents, ContextRecord, Ended, FindingRecord, Hashes, ModelInfo, RECORD_VERSION, Record, Timings,
};
pub use score::{JUDGE, Scores};
pub use turn::{Context, Hint, Message, Part, Picture, Place, PlaceSource, Role, Turn, UnreadPicture};
pub use verdict::{Judgement, NormJudgement, Outcome, Verdict};
