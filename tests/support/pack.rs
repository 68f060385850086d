//! A pack of four norms, one for each action.

use std::fmt::Write;

use comity::policy::{PolicySet, Source};

/// A floor whose places a test may fill otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floor {
    /// `pass`, `sentence` or `hold`.
    pub(crate) stream: &'static str,
    /// `append` or `decline`.
    pub(crate) fallback: &'static str,
    /// `show` or `withhold`.
    pub(crate) unchecked: &'static str,
    /// `pass` or `decline`.
    pub(crate) unknown: &'static str,
    pub(crate) tries: u32,
}

impl Default for Floor {
    fn default() -> Self {
        Self { stream: "sentence", fallback: "append", unchecked: "show", unknown: "pass", tries: 1 }
    }
}

impl Floor {
    fn text(self) -> String {
        let Self { stream, fallback, unchecked, unknown, tries } = self;
        format!(
            r#"format = 1
[actions]
law = "educate"
taboo = "rewrite"
strong = "rewrite"
custom = "educate"
contested = "observe"
[locks]
strengths = ["contested"]
[when_unknown]
action = "{unknown}"
[when_unchecked]
action = "{unchecked}"
[stream]
guard = "{stream}"
most_held_kib = 256
[repair]
tries = {tries}
seconds = 20
fallback = "{fallback}"
"#
        )
    }

    /// A folder with the test pack under this floor.
    pub(crate) fn folder(self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("floor.toml"), self.text()).unwrap();
        std::fs::write(folder.path().join("JP.toml"), pack()).unwrap();
        std::fs::create_dir(folder.path().join("overlays")).unwrap();
        for (name, text) in OVERLAYS {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    /// The test pack under this floor.
    pub(crate) fn policies(self) -> PolicySet {
        let (floor, pack) = (self.text(), pack());
        let packs = [Source { path: "floor.toml", text: &floor }, Source { path: "JP.toml", text: &pack }];
        let overlays = OVERLAYS.map(|(path, text)| Source { path, text });
        let files: Vec<_> = packs.into_iter().chain(overlays).collect();
        let (set, problems) = PolicySet::read(&files);
        set.unwrap_or_else(|| panic!("{problems:?}"))
    }
}

/// A group that switches the taught norm off, and a part of the country where it is refused.
const OVERLAYS: [(&str, &str); 2] = [
    ("overlays/calm.toml", "format = 1\nlayer = \"group\"\n[[change]]\nnorm = \"JP/taught\"\noff = true\n"),
    (
        "overlays/harbour.toml",
        "format = 1\nlayer = \"region\"\ncountry = \"JP\"\nnames = [\"Testhaven\"]\n[[change]]\nnorm = \"JP/taught\"\naction = \"decline\"\nlock = true\n",
    ),
];

/// What the note says of the norm that is taught, and what the correction says of the one that is mended.
pub(crate) const SAYS: &str = "is customary in the tests of this house.";

fn pack() -> String {
    let mut text = String::from(
        "format = 1\ncountry = \"JP\"\nname = \"Japan\"\nlanguages = [\"ja\"]\nnames = [\"Testopolis\"]\n",
    );
    for (id, strength, action) in [
        ("watched", "contested", None),
        ("taught", "custom", None),
        ("mended", "taboo", None),
        ("refused", "taboo", Some("decline")),
    ] {
        let action = action.map_or_else(String::new, |action| format!("action = \"{action}\"\n"));
        write!(
            text,
            r#"
[[norm]]
id = "{id}"
domain = "gifts"
strength = "{strength}"
{action}says = {{ en = "What is {id} {SAYS}", ja = "{id}の習わし。" }}
why = {{ en = "Tests want it.", ja = "試験のため。" }}
instead = {{ en = "Suggest tea.", ja = "お茶を勧める。" }}
asks = ["asking for {id}"]
answers = ["says {id}"]
sources = [{{ title = "T", publisher = "P" }}]
case = [
    {{ query = "One {id}?", language = "en", at_stake = true }},
    {{ query = "{id}ですか。", language = "ja", at_stake = true }},
    {{ query = "Where is the museum?", language = "en", at_stake = false }},
    {{ query = "何時に開きますか。", language = "ja", at_stake = false }},
]
"#
        )
        .unwrap();
    }
    text
}
