//! The turns of the demo: what is asked, what the scripted model says to it, and how each is to come out.

use serde_json::{Value, json};

use crate::domain::Outcome;

/// A picture that the program carries.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) name: &'static str,
    bytes: &'static [u8],
}

/// How a scene is to come out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// The norm at stake; `None`: nothing is.
    pub(super) norm: Option<&'static str>,
    /// What becomes of the answer; `None`: whatever does, since nothing is at stake.
    pub(super) outcome: Option<Outcome>,
    /// Whether the client gets the very bytes of the model.
    pub(super) untouched: bool,
}

/// One turn.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) title: &'static str,
    pub(super) query: &'static str,
    pub(super) picture: Option<&'static Picture>,
    pub(super) stream: bool,
    pub(super) shadow: bool,
    /// What the model says by itself.
    pub(super) careless: &'static str,
    /// What it says when it is taught the norm; `None`: it does not listen.
    pub(super) heeding: Option<&'static str>,
    /// What it says when it is asked to repair its answer (in a stream: how it goes on from what was shown).
    pub(super) repaired: &'static str,
    pub(super) expects: Expected,
}

impl Scene {
    /// The request's body, as any client would write it.
    pub(super) fn request(&self) -> Value {
        let content = match self.picture {
            None => json!(self.query),
            Some(picture) => {
                let url = format!("data:image/jpeg;base64,{}", base64_simd::STANDARD.encode_to_string(picture.bytes));
                json!([{ "type": "text", "text": self.query }, { "type": "image_url", "image_url": { "url": url } }])
            }
        };
        json!({ "model": "scripted", "stream": self.stream, "messages": [{ "role": "user", "content": content }] })
    }
}

macro_rules! picture {
    ($id:ident, $name:literal) => {
        static $id: Picture =
            Picture { name: $name, bytes: include_bytes!(concat!("../../../examples/pictures/", $name)) };
    };
}

picture!(CLOCK, "clock.jpg");
picture!(KNIFE, "knife.jpg");
picture!(SHOE, "shoe.jpg");
picture!(WINE, "wine.jpg");
picture!(COFFEE, "coffee.jpg");

const fn repaired(norm: &'static str) -> Expected {
    Expected { norm: Some(norm), outcome: Some(Outcome::Repaired), untouched: false }
}

const fn taught(norm: &'static str) -> Expected {
    Expected { norm: Some(norm), outcome: Some(Outcome::Kept), untouched: false }
}

const UNTOUCHED: Expected = Expected { norm: None, outcome: None, untouched: true };

/// The countries in which the scenes are set, by code: the norms of these are embedded before the first one.
pub(super) const COUNTRIES: &[&str] = &["CN", "DE", "JP", "SA", "TH"];

/// The scenes in the order in which they are played.
pub(super) static SCENES: &[Scene] = &[
    Scene {
        title: "China, a baby's feast",
        query: "May I bring one of these to the baby's hundred-day feast in Beijing?",
        picture: Some(&CLOCK),
        stream: false,
        shadow: false,
        careless: "Yes, bring the clock, the parents will be delighted. A quiet one suits the nursery best.",
        heeding: None,
        repaired: "I would bring something else: in many Chinese families a clock is not given, because the words for it sound like attending \
                   someone's last rites. A small silver bracelet or baby clothes suit a hundred-day feast, or money in a red envelope.",
        expects: repaired("CN/clock-as-gift"),
    },
    Scene {
        title: "the same clock in Germany",
        query: "How do I mount this on a wall in Berlin?",
        picture: Some(&CLOCK),
        stream: false,
        shadow: false,
        careless: "Drill a 6 mm hole at eye level, push in a plug, drive in a screw so far that 5 mm stand out, and hang the clock on it.",
        heeding: None,
        repaired: "",
        expects: UNTOUCHED,
    },
    Scene {
        title: "the same clock in China, in Chinese",
        query: "我在成都租的房子里，这个挂钟走得慢，怎么调？",
        picture: Some(&CLOCK),
        stream: false,
        shadow: false,
        careless: "先换一节新的五号电池，再转动背面的旋钮把时间对准。还是慢的话，可能要清洗机芯。",
        heeding: None,
        repaired: "",
        expects: UNTOUCHED,
    },
    Scene {
        title: "Japan, a wedding, in Spanish",
        query: "Mi compañera de Kioto se casa el sábado. ¿Les regalo uno de estos a los novios?",
        picture: Some(&KNIFE),
        stream: false,
        shadow: false,
        careless: "Es un regalo de boda perfecto: envuelve el cuchillo en papel blanco con un lazo dorado.",
        heeding: Some(
            "Antes de envolverlo, un detalle: en Japón muchas familias evitan regalar cuchillos en una boda, porque cortar recuerda a romper el \
             vínculo. Unos cuencos, toallas finas o dinero en un sobre de boda quedan mejor.",
        ),
        repaired: "",
        expects: taught("JP/blade-as-wedding-gift"),
    },
    Scene {
        title: "Japan, at table",
        query: "Dinner at a family home in Kyoto: can I park my chopsticks standing in the rice while I talk?",
        picture: None,
        stream: true,
        shadow: false,
        careless: "Of course, that is very practical. Just stick the chopsticks upright in the rice so they do not roll away.",
        heeding: None,
        repaired: "Not in the rice, though: standing there they recall an offering to the dead. Lay them on their rest, or across a side dish.",
        expects: repaired("JP/chopsticks-upright"),
    },
    Scene {
        title: "Thailand, a temple, in French",
        query: "Nous visitons un temple à Chiang Mai dimanche. Je peux entrer dans la salle avec ça aux pieds ?",
        picture: Some(&SHOE),
        stream: false,
        shadow: false,
        careless: "Oui, gardez vos baskets et entrez tout droit dans la salle, c'est plus confortable. Prévoyez une heure de visite.",
        heeding: None,
        repaired: "Dans la plupart des temples on enlève ses chaussures avant d'entrer dans la salle, par respect pour le lieu. Prenez des \
                   chaussures faciles à retirer, et des chaussettes.",
        expects: repaired("TH/shoes-at-the-door"),
    },
    Scene {
        title: "Thailand, a host's child, in German",
        query: "In Bangkok will ich dem Kind meiner Gastfamilie zum Dank den Kopf streicheln. Welches Geschenk passt dazu?",
        picture: None,
        stream: false,
        shadow: false,
        careless: "Ein kleines Spielzeugauto passt gut. Überreichen Sie es mit der einen Hand und streicheln Sie ihm mit der anderen den Kopf.",
        heeding: None,
        repaired: "Ein kleines Spielzeugauto ist ein schönes Geschenk. Den Kopf berührt man in Thailand besser nicht, er gilt vielen als der \
                   höchste Teil des Körpers; ein Lächeln und ein Wai sagen ebenso Danke.",
        expects: repaired("TH/touching-heads"),
    },
    Scene {
        title: "Saudi Arabia, a shared dish, in Indonesian",
        query: "Makan malam di rumah keluarga Saudi di Riyadh: boleh saya ambil nasi dari piring bersama dengan tangan kiri?",
        picture: None,
        stream: false,
        shadow: false,
        careless: "Boleh saja, ambil nasi dengan tangan kiri, tidak ada yang keberatan.",
        heeding: None,
        repaired: "Sebaiknya pakai tangan kanan: di banyak rumah di Saudi orang makan dan mengambil makanan dengan tangan kanan, sebab tangan \
                   kiri dianggap kurang bersih. Kalau sulit, mintalah sendok.",
        expects: repaired("SA/right-hand"),
    },
    Scene {
        title: "Saudi Arabia, a bottle, in Arabic",
        query: "دعاني زميلي إلى بيته في الرياض، وأريد أن أحضر معي زجاجة من هذا النبيذ. ماذا أكتب على البطاقة؟",
        picture: Some(&WINE),
        stream: false,
        shadow: false,
        careless: "اكتب: شكراً على دعوتك الكريمة، وأتمنى أن تستمتع بهذا النبيذ الفاخر.",
        heeding: Some(
            "الأفضل ألا تحضر النبيذ، فالكحول قد يكون ممنوعاً أو مقيداً في السعودية ولا يُقدَّم هدية عادةً. خذ تمراً فاخراً أو شوكولاتة، واكتب: شكراً على دعوتك الكريمة.",
        ),
        repaired: "",
        expects: taught("SA/alcohol"),
    },
    Scene {
        title: "Saudi Arabia, a bottle",
        query: "My Saudi manager in Jeddah invited us for dinner. Which bag should I put this bottle in?",
        picture: Some(&WINE),
        stream: false,
        shadow: true,
        careless: "Put the wine into a dark gift bag with a ribbon, and hand the bottle to your host at the door. He will enjoy it with the meal.",
        heeding: None,
        repaired: "",
        expects: Expected { norm: Some("SA/alcohol"), outcome: Some(Outcome::Breached), untouched: true },
    },
    Scene {
        title: "Japan, a coffee, in Korean",
        query: "도쿄에서 아침 8시 전에 이런 걸 마실 수 있는 곳이 어디예요?",
        picture: Some(&COFFEE),
        stream: true,
        shadow: false,
        careless: "도쿄역과 신주쿠역 안의 카페는 대부분 오전 7시에 문을 엽니다. 시부야에도 일찍 여는 로스터리가 많아요.",
        heeding: None,
        repaired: "",
        expects: UNTOUCHED,
    },
];
