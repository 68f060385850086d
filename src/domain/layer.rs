//! The layers of policy above a country's pack: which of them a request is under, and what it wishes for itself.

use serde::{Deserialize, Serialize};

use super::norm::words;
use super::{Action, NormId};

words! {
    /// The kinds of overlay, in the order in which they speak: a later one may change what the earlier ones leave open.
    Layer, "layer" {
        /// A part of a country.
        Region = "region",
        /// People, places or occasions for which more, or something else, holds.
        Group = "group",
        /// The customer whose key a request bears.
        Tenant = "tenant",
    }
}

/// What a layer wishes for a norm. Whether it gets it depends on what the layers before it lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Wish {
    /// What is done when the norm is at stake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The probability in 0..=1 from which it counts as at stake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
    /// `true`: the norm is not looked at. `false`: it is, although an earlier layer switched it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<bool>,
}

/// What a request wishes for one norm, or for all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adjustment {
    /// The norm; `None`: every norm in play.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm: Option<NormId>,
    /// What is wished for it.
    #[serde(flatten)]
    pub wish: Wish,
}

/// The overlays that a request is under, by name, and what it wishes for itself. Regions that a text names stand with their
/// [`Place`](super::Place).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Layers {
    /// Parts of countries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// Groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The request's own wishes, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request: Vec<Adjustment>,
}

impl Layers {
    /// Whether nothing stands above the countries' packs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The overlays by kind and name.
    pub fn overlays(&self) -> impl Iterator<Item = (Layer, &str)> {
        let regions = self.regions.iter().map(|name| (Layer::Region, name.as_str()));
        let groups = self.groups.iter().map(|name| (Layer::Group, name.as_str()));
        regions.chain(groups).chain(self.tenant.iter().map(|name| (Layer::Tenant, name.as_str())))
    }
}
