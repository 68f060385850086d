//! The JSON Schemas of packs and overlays, for editors. They are made of what the reading code itself goes by; `policies/schema.json` and
//! `policies/overlay-schema.json` are their output, and a test compares them.

use serde_json::{Map, Value, json};

use crate::domain::{Action, Domain, Layer, Strength};

use super::case::{LEAST_LANGUAGES, LEAST_OF_A_KIND};
use super::floor::OF_A_NORM;
use super::norm::{LEAST_THRESHOLD, MOST_CUE_WORDS, MOST_TEXT, MOST_THRESHOLD};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of `<CC>.toml`.
#[must_use]
pub fn pack_schema() -> Value {
    let mut properties = head("Which version of the format the file is written in.");
    properties.extend([
        field("country", "The ISO 3166-1 alpha-2 code; it agrees with the file's name.", country()),
        field("name", "The country's name in English.", text()),
        field(
            "languages",
            "What people in the country read: every text of every norm exists in these and in English.",
            at_least_one(&language()),
        ),
        field("names", "Words beside the country's and its cities' names that place a question there.", texts()),
        field("actions", "What is done about norms that name no action of their own, by their strength; never milder than the floor's.", actions()),
        field("threshold", "For norms that state none of their own; without it the models' calibrated one holds.", threshold()),
        field("norm", "The norms.", at_least_one(&norm(false))),
    ]);
    schema(
        "A policy pack of Comity: one country's norms",
        &properties,
        &["format", "country", "name", "languages", "norm"],
    )
}

/// The schema of `overlays/<name>.toml`.
#[must_use]
pub fn overlay_schema() -> Value {
    let mut properties = head("Which version of the format the file is written in.");
    let layers: Vec<&str> = Layer::ALL.iter().map(|layer| layer.word()).collect();
    properties.extend([
        field("layer", "Regions speak after the packs, groups after regions, tenants after groups.", json!({ "enum": layers })),
        field("country", "The country that the overlay is about. A region needs it; without it a group or a tenant is about all countries.", country()),
        field("names", "Only of a region: words that put it in force where a text names them.", texts()),
        field("actions", "What is done about norms by their strength.", actions()),
        field("threshold", "For all norms that no earlier layer locks.", threshold()),
        field("change", "What changes about norms of the packs.", at_least_one(&change())),
        field("norm", "Norms that hold under this overlay alone.", at_least_one(&norm(true))),
    ]);
    schema("An overlay of Comity: what else holds for a region, a group or a tenant", &properties, &["format", "layer"])
}

type Properties = Map<String, Value>;

fn schema(title: &str, properties: &Properties, required: &[&str]) -> Value {
    json!({
        "$schema": DIALECT, "title": title, "type": "object", "additionalProperties": false,
        "properties": properties, "required": required,
    })
}

fn field(name: &str, description: &str, mut kind: Value) -> (String, Value) {
    if let Some(fields) = kind.as_object_mut() {
        fields.insert("description".to_owned(), description.into());
    }
    (name.to_owned(), kind)
}

fn object(properties: Vec<(String, Value)>, required: &[&str]) -> Value {
    let properties: Properties = properties.into_iter().collect();
    json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required })
}

fn head(format: &str) -> Properties {
    [field("format", format, json!({ "const": 1 }))].into_iter().collect()
}

fn text() -> Value {
    json!({ "type": "string", "pattern": "\\S" })
}

fn texts() -> Value {
    json!({ "type": "array", "items": text() })
}

fn at_least_one(items: &Value) -> Value {
    json!({ "type": "array", "items": items, "minItems": 1 })
}

fn country() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z]{2}$" })
}

fn language() -> Value {
    json!({ "type": "string", "pattern": "^[a-z]{2,3}$" })
}

fn threshold() -> Value {
    // As they are written, not as the nearest binary fractions of half the width.
    let bound = |bound: f32| bound.to_string().parse::<f64>().unwrap_or_default();
    json!({ "type": "number", "minimum": bound(LEAST_THRESHOLD), "maximum": bound(MOST_THRESHOLD) })
}

fn action() -> Value {
    json!({ "enum": OF_A_NORM.map(Action::word) })
}

fn actions() -> Value {
    let properties = Strength::ALL.iter().map(|strength| (strength.word().to_owned(), action())).collect();
    object(properties, &[])
}

/// A text in several languages; all of `required` among them.
fn in_languages(required: &[&str]) -> Value {
    let one = json!({ "type": "string", "pattern": "\\S", "maxLength": MOST_TEXT });
    json!({
        "type": "object", "additionalProperties": false, "patternProperties": { "^[a-z]{2,3}$": one },
        "minProperties": 1, "required": required,
    })
}

fn cues() -> Value {
    json!({ "type": "array", "items": { "type": "string", "pattern": format!("^\\s*\\S+(\\s+\\S+){{0,{}}}\\s*$", MOST_CUE_WORDS - 1) } })
}

fn norm(in_overlay: bool) -> Value {
    let strengths: Vec<&str> = Strength::ALL.iter().map(|strength| strength.word()).collect();
    let domains: Vec<&str> = Domain::ALL.iter().map(|domain| domain.word()).collect();
    let source = object(
        vec![field("title", "The work's title.", text()), field("publisher", "Who published it.", text())],
        &["title", "publisher"],
    );
    let mut properties = vec![
        field(
            "id",
            "Its name within the country: lower-case letters, digits and hyphens.",
            json!({ "type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$" }),
        ),
        field("domain", "The part of life that it belongs to.", json!({ "enum": domains })),
        field(
            "strength",
            "How binding it is. What touches people's rights or identity is contested.",
            json!({ "enum": strengths }),
        ),
        field("says", "What is customary, with its reach: in many homes, at most temples.", in_languages(&["en"])),
        field("why", "The reason that people there give.", in_languages(&["en"])),
        field("instead", "What a kind assistant suggests; in English it begins with Suggest.", in_languages(&["en"])),
        field("see", "Names of the things that a breach shows in a picture, three words each at the most.", cues()),
        field("asks", "What a breach looks like in a question: short English phrases.", at_least_one(&text())),
        field("answers", "What a breach looks like in an answer: short English phrases.", at_least_one(&text())),
        field("regions", "Where within the country it holds, when not everywhere.", texts()),
        field("among", "Among whom it holds, when not generally.", text()),
        field(
            "action",
            "What is done when it is at stake; without it the pack's or the floor's action for its strength.",
            action(),
        ),
        field("threshold", "The probability from which it counts as at stake.", threshold()),
        field("lock", "Later layers may be stricter about it, never milder.", json!({ "type": "boolean" })),
        field("sources", "Who says so.", at_least_one(&source)),
        field(
            "case",
            "Its own tests: at stake, and not at stake, in two languages or more.",
            json!({ "type": "array", "items": case(), "minItems": LEAST_OF_A_KIND * 2 }),
        ),
    ];
    if in_overlay {
        properties.push(field("country", "Where it holds, when the overlay names no country.", country()));
    }
    let mut norm = object(
        properties,
        &["id", "domain", "strength", "says", "why", "instead", "asks", "answers", "sources", "case"],
    );
    if let Some(fields) = norm.as_object_mut() {
        let told = format!(
            "At least {LEAST_OF_A_KIND} cases at stake and {LEAST_OF_A_KIND} that are not, in {LEAST_LANGUAGES} languages or more."
        );
        fields.insert("$comment".to_owned(), told.into());
    }
    norm
}

fn case() -> Value {
    object(
        vec![
            field("query", "What is asked.", text()),
            field("language", "The query's language.", language()),
            field("picture", "What the photograph shows; left out where there is none.", texts()),
            field("country", "Where it is set, when not in the pack's country.", country()),
            field("at_stake", "Whether the norm is at stake.", json!({ "type": "boolean" })),
        ],
        &["query", "language", "at_stake"],
    )
}

fn change() -> Value {
    object(
        vec![
            field(
                "norm",
                "The norm, by country and id.",
                json!({ "type": "string", "pattern": "^[A-Z]{2}/[a-z0-9-]+$" }),
            ),
            field("action", "What is done when it is at stake.", action()),
            field("threshold", "The probability from which it counts as at stake.", threshold()),
            field(
                "off",
                "It is not looked at; false: it is, although an earlier layer switched it off.",
                json!({ "type": "boolean" }),
            ),
            field("lock", "Later layers may be stricter about it, never milder.", json!({ "type": "boolean" })),
            field("says", "In these languages, in other words.", in_languages(&[])),
            field("why", "In these languages, in other words.", in_languages(&[])),
            field("instead", "In these languages, in other words.", in_languages(&[])),
            field("see", "Instead of the pack's.", cues()),
            field("asks", "Instead of the pack's.", at_least_one(&text())),
            field("answers", "Instead of the pack's.", at_least_one(&text())),
        ],
        &["norm"],
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::policy::{case, embedded, norm, overlay, pack};

    fn keys(schema: &Value, at: &str) -> BTreeSet<String> {
        let properties = schema.pointer(&format!("{at}/properties")).unwrap().as_object().unwrap();
        properties.keys().cloned().collect()
    }

    fn of(keys: &[&str]) -> BTreeSet<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn the_schemas_know_the_keys_that_the_reader_knows() {
        let (pack, overlay) = (pack_schema(), overlay_schema());
        let norm = "/properties/norm/items";
        assert_eq!(keys(&pack, ""), of(&pack::KEYS));
        assert_eq!(keys(&pack, norm), of(&norm::KEYS[1..]));
        assert_eq!(keys(&pack, &format!("{norm}/properties/case/items")), of(&case::KEYS));
        assert_eq!(keys(&overlay, ""), of(&overlay::KEYS));
        assert_eq!(keys(&overlay, norm), of(&norm::KEYS));
        assert_eq!(keys(&overlay, "/properties/change/items"), of(&overlay::CHANGE_KEYS));
    }

    #[test]
    fn the_files_beside_the_packs_are_what_the_code_makes() {
        for (path, schema, file) in [
            ("schema.json", pack_schema(), include_str!("../../policies/schema.json")),
            ("overlay-schema.json", overlay_schema(), include_str!("../../policies/overlay-schema.json")),
        ] {
            let made = format!("{schema:#}\n");
            assert!(made == file, "policies/{path} is out of date: write it anew with `comity policy schema`");
        }
    }

    #[test]
    fn the_packs_that_ship_follow_the_schema_and_mistakes_do_not() {
        let validator = jsonschema::validator_for(&pack_schema()).unwrap();
        let read = |text: &str| serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap();
        for pack in embedded::PACKS {
            let wrong: Vec<_> = validator.iter_errors(&read(pack.text)).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{}: {wrong:?}", pack.path);
        }
        let good = crate::policy::fixture::PACK;
        assert!(validator.is_valid(&read(good)));
        for (from, to) in [
            ("taboo", "tabu"),
            ("threshold = 0.6", "threshold = 1.5"),
            ("see = [\"clock\"]", "see = [\"a very old clock\"]"),
            ("asks = [\"giving a clock\"]", "asks = []"),
            ("id = \"clock-as-gift\"", "id = \"Clock\""),
            ("names = ", "nmes = "),
        ] {
            assert!(!validator.is_valid(&read(&good.replacen(from, to, 1))), "{to}");
        }
    }
}
