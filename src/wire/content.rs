//! What a message says, and where it stands.

use bytes::Bytes;

use crate::domain::{Message, Part};

use super::Error;
use super::json::{Array, Cursor, Kind, Path, Span};
use super::part;

/// How one message lies in the body.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) content: Content,
    /// Whether a prompt cache ends in it.
    pub(super) breakpoint: bool,
}

/// Where a message's content stands.
#[derive(Debug, Default)]
pub(super) enum Content {
    /// There is none, or it is null.
    #[default]
    Missing,
    /// One string, its quotes included.
    Text(Span),
    /// An array of parts.
    Parts(Array),
}

/// Keys under which OpenAI, and Anthropic behind some gateways, mark the end of a prompt that is to be cached.
pub(super) const BREAKPOINTS: [&str; 2] = ["prompt_cache_breakpoint", "cache_control"];

/// Reads the content at the cursor: a string, or an array of parts.
pub(super) fn content(
    body: &Bytes,
    cursor: &mut Cursor<'_>,
    path: &Path<'_>,
    message: &mut Message,
    layout: &mut Layout,
) -> Result<(), Error> {
    match cursor.kind() {
        Kind::Null => {}
        Kind::Text => {
            let start = cursor.at();
            message.parts.extend(cursor.text().map(|text| Part::Text(text.into())));
            layout.content = Content::Text(start..cursor.at());
        }
        Kind::Array => {
            let array = cursor.array(path, |cursor, path| {
                let (part, breakpoint) = part::read(body, cursor, path)?;
                message.parts.push(part);
                layout.breakpoint |= breakpoint;
                Ok(())
            })?;
            layout.content = Content::Parts(array);
        }
        Kind::Object | Kind::Number | Kind::Bool => return Err(path.is_not("a string, an array of parts, or null")),
    }
    Ok(())
}
