//! What a request says about its culture outside the conversation: its headers, and what the server adds.

use http::{HeaderMap, header};

use crate::domain::{Country, Hint, Layer, Layers, UnknownCountry};
use crate::policy::PolicySet;
use crate::wire::Inbound;
use crate::wire::adjust::{AdjustError, adjustments};

use super::app::App;
use super::tenants::Caller;

/// Names the countries whose norms are in play.
pub(super) const COUNTRY: &str = "comity-country";
/// Names overlays for parts of countries.
pub(super) const REGION: &str = "comity-region";
/// Names overlays for groups.
pub(super) const GROUP: &str = "comity-group";
/// Says what the request wishes for norms.
pub(super) const ADJUST: &str = "comity-adjust";
/// Asks for the verdict in the answer.
pub(super) const VERDICT: &str = "comity-verdict";

/// A header that cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(super) enum HintError {
    #[error("The header {COUNTRY} is wrong: {0}.")]
    Country(#[from] UnknownCountry),
    #[error("The header {} is wrong: the policies in force have no {layer} `{name}`. Its name is that of its file in the folder overlays.", header_of(*layer))]
    Overlay { layer: Layer, name: String },
    #[error("The header {ADJUST} is wrong: {0}.")]
    Adjust(#[from] AdjustError),
}

impl HintError {
    /// The header that it is about.
    pub(super) fn header(&self) -> &'static str {
        match self {
            Self::Country(_) => COUNTRY,
            Self::Overlay { layer, .. } => header_of(*layer),
            Self::Adjust(_) => ADJUST,
        }
    }

    /// The code that clients and records read.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Country(_) => "unknown_country",
            Self::Overlay { .. } => "unknown_overlay",
            Self::Adjust(_) => "invalid_adjustment",
        }
    }

    /// Why the header counts as not looked at, where a wrong one is no error.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Country(_) => "unknown-country",
            Self::Overlay { .. } => "unknown-overlay",
            Self::Adjust(_) => "invalid-adjustment",
        }
    }
}

fn header_of(layer: Layer) -> &'static str {
    match layer {
        Layer::Region => REGION,
        Layer::Group => GROUP,
        // The settings' tenant is checked at start and at every reload: no request can name one.
        Layer::Tenant => "authorization",
    }
}

/// The hint, as far as it could be read, and what could not be followed.
pub(super) fn hint(app: &App, caller: &Caller, inbound: &Inbound, headers: &HeaderMap) -> (Hint, Vec<HintError>) {
    let policies = app.policies.load();
    let mut wrong = Vec::new();
    let header = kept(countries(headers), &mut wrong);
    let layers = layers(headers, &caller.layers, &policies.set, &mut wrong);
    let accept_language = text(headers, header::ACCEPT_LANGUAGE.as_str()).map(str::to_owned);
    (Hint { header, default: caller.country, accept_language, layers, ..inbound.hint() }, wrong)
}

fn countries(headers: &HeaderMap) -> Result<Vec<Country>, UnknownCountry> {
    names(headers, COUNTRY).map(str::parse).collect()
}

fn layers(headers: &HeaderMap, server: &Layers, set: &PolicySet, wrong: &mut Vec<HintError>) -> Layers {
    let mut layers = server.clone();
    for (all, header) in [(&mut layers.regions, REGION), (&mut layers.groups, GROUP)] {
        for name in names(headers, header) {
            if !all.iter().any(|known| known == name) {
                all.push(name.to_owned());
            }
        }
    }
    let unknown = set.unknown(&layers);
    for (layer, name) in unknown {
        layers.regions.retain(|region| layer != Layer::Region || *region != name);
        layers.groups.retain(|group| layer != Layer::Group || *group != name);
        wrong.push(HintError::Overlay { layer, name: name.chars().take(64).collect() });
    }
    let lines: Vec<&str> = headers.get_all(ADJUST).iter().map(|value| value.to_str().unwrap_or("\u{0}")).collect();
    layers.request = kept(adjustments(&lines.join(",")), wrong);
    layers
}

fn kept<T: Default, E: Into<HintError>>(read: Result<T, E>, wrong: &mut Vec<HintError>) -> T {
    read.unwrap_or_else(|error| {
        wrong.push(error.into());
        T::default()
    })
}

/// The names in a header's list, on one line or on several.
fn names<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    // What is no ASCII is no name: it is told, like any other that is not known.
    let lines = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("\u{fffd}"));
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|part| !part.is_empty())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
