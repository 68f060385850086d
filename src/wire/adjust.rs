//! The `comity-adjust` header: what a request wishes for the norms in play, as a list of structured fields (RFC 9651).
//!
//! `JP/tipping;off, JP/geiko-photos;action=rewrite;threshold=0.4, *;threshold=0.5`: a norm, or `*` for all of them, with what is wished as parameters.

use sfv::{BareItem, Item, List, ListEntry, Parser};

use crate::domain::{Action, Adjustment, NormId, UnknownNormId, UnknownWord, Wish};

/// The most wishes of one request.
const MOST: usize = 64;

/// The header cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AdjustError {
    /// It is no list of structured fields.
    #[error(
        "it is no list as RFC 9651 has it ({0}); write, for example, JP/tipping;off, JP/geiko-photos;action=rewrite"
    )]
    Form(String),
    /// A member is neither a norm nor `*`.
    #[error("each member is a norm such as JP/tipping, or * for all norms, without quotation marks")]
    Member,
    /// A member names no norm.
    #[error(transparent)]
    Norm(#[from] UnknownNormId),
    /// There is no such parameter.
    #[error("`{0}` is not known: use action, threshold or off")]
    Parameter(String),
    /// An action that is none, or none of a norm.
    #[error(transparent)]
    Action(#[from] UnknownWord),
    /// An action that no norm has.
    #[error("`pass` is no action of a norm: use off")]
    Pass,
    /// A threshold that is none.
    #[error("a threshold is a number from 0 to 1, such as threshold=0.4")]
    Threshold,
    /// `off` with a value.
    #[error("off stands alone: write JP/tipping;off")]
    Off,
    /// A norm without a wish.
    #[error("say what is wished for each norm: action, threshold or off")]
    Nothing,
    /// Too many.
    #[error("there are more than {MOST} of them")]
    TooMany,
}

/// Reads the header's value; several header lines are joined by commas.
///
/// # Errors
/// [`AdjustError`] says what is wrong and what to write.
pub fn adjustments(value: &str) -> Result<Vec<Adjustment>, AdjustError> {
    let list: List = Parser::new(value).parse().map_err(|error| AdjustError::Form(error.to_string()))?;
    if list.len() > MOST {
        return Err(AdjustError::TooMany);
    }
    list.iter().map(adjustment).collect()
}

fn adjustment(member: &ListEntry) -> Result<Adjustment, AdjustError> {
    let ListEntry::Item(Item { bare_item: BareItem::Token(name), params }) = member else {
        return Err(AdjustError::Member);
    };
    let norm: Option<NormId> = if name.as_str() == "*" { None } else { Some(name.as_str().parse()?) };
    let mut wish = Wish::default();
    for (key, value) in params {
        match key.as_str() {
            "action" => wish.action = Some(action(value)?),
            "threshold" => wish.threshold = Some(threshold(value)?),
            "off" => wish.off = Some(value.as_boolean().ok_or(AdjustError::Off)?),
            other => return Err(AdjustError::Parameter(other.to_owned())),
        }
    }
    if wish == Wish::default() {
        return Err(AdjustError::Nothing);
    }
    Ok(Adjustment { norm, wish })
}

fn action(value: &BareItem) -> Result<Action, AdjustError> {
    let word = value.as_token().map(sfv::TokenRef::as_str).unwrap_or_default();
    match word.parse()? {
        Action::Pass => Err(AdjustError::Pass),
        action @ (Action::Observe | Action::Educate | Action::Rewrite | Action::Decline) => Ok(action),
    }
}

fn threshold(value: &BareItem) -> Result<f32, AdjustError> {
    let number = match value {
        BareItem::Decimal(number) => number.to_string().parse().ok(),
        BareItem::Integer(number) => number.to_string().parse().ok(),
        BareItem::String(_)
        | BareItem::DisplayString(_)
        | BareItem::ByteSequence(_)
        | BareItem::Boolean(_)
        | BareItem::Token(_)
        | BareItem::Date(_) => None,
    };
    number.filter(|number| (0.0..=1.0).contains(number)).ok_or(AdjustError::Threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_in_their_order() {
        let read = adjustments("JP/tipping;off, JP/geiko-photos;action=rewrite;threshold=0.4,  *;threshold=1").unwrap();
        let wish = |action, threshold, off: bool| Wish { action, threshold, off: off.then_some(true) };
        let wishes: Vec<_> = read.iter().map(|one| (one.norm.as_ref().map(ToString::to_string), one.wish)).collect();
        assert_eq!(
            wishes,
            [
                (Some("JP/tipping".to_owned()), wish(None, None, true)),
                (Some("JP/geiko-photos".to_owned()), wish(Some(Action::Rewrite), Some(0.4), false)),
                (None, wish(None, Some(1.0), false)),
            ]
        );
        assert_eq!(adjustments("").unwrap(), []);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_to_write() {
        for (value, told) in [
            ("JP/tipping;", "RFC 9651"),
            ("\"JP/tipping\";off", "without quotation marks"),
            ("(JP/tipping);off", "without quotation marks"),
            ("tipping;off", "write the country and the id"),
            ("XX/tipping;off", "`XX` is not a country"),
            ("JP/tipping;of", "`of` is not known: use action, threshold or off"),
            ("JP/tipping;off=1", "off stands alone"),
            ("JP/tipping;action=soft", "`soft` is no action"),
            ("JP/tipping;action=pass", "use off"),
            ("JP/tipping;threshold=2", "a number from 0 to 1"),
            ("JP/tipping;threshold=low", "a number from 0 to 1"),
            ("JP/tipping", "say what is wished"),
        ] {
            let error = adjustments(value).unwrap_err().to_string();
            assert!(error.contains(told), "{value}: {error}");
        }
        let many = vec!["*;off"; MOST + 1].join(",");
        assert_eq!(adjustments(&many), Err(AdjustError::TooMany));
    }
}
