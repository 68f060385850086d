//! What a message, a delta or a part has beside its text.

use crate::wire::Error;
use crate::wire::json::{Cursor, Kind, Path, says_something};
use crate::wire::surface::{Beside, Surface, Words, given, heard};

/// Keys of a message under which model servers tell what the model thought before it answered. vLLM, `DeepSeek`, `OpenRouter` and `LiteLLM` differ.
pub(super) const REASONING: [&str; 6] =
    ["reasoning", "reasoning_content", "reasoning_details", "thinking", "thinking_blocks", "provider_specific_fields"];

/// The part that the one call of the older form, `function_call`, is.
const FUNCTION_CALL: u32 = u32::MAX;

/// Reads a member that may say something beside the text.
pub(super) fn read(name: &str, cursor: &mut Cursor<'_>, path: &Path<'_>, all: &mut Vec<Beside>) -> Result<(), Error> {
    match name {
        "refusal" => {
            let said = given(cursor, path)?.filter(|said| !said.is_empty());
            all.extend(said.map(|said| Beside::new(Surface::Refusal, 0, Words::More(said))));
        }
        "tool_calls" if cursor.kind() == Kind::Array => {
            let mut position = 0;
            cursor.array(path, |cursor, path| {
                position += 1;
                call(cursor, path, position - 1, all)
            })?;
        }
        "tool_calls" => present(Surface::ToolCalls, cursor, path, all)?,
        "function_call" => call(cursor, path, FUNCTION_CALL, all)?,
        "audio" => heard(cursor, path, all)?,
        key if REASONING.contains(&key) => present(Surface::Reasoning, cursor, path, all)?,
        _ => {}
    }
    Ok(())
}

fn present(surface: Surface, cursor: &mut Cursor<'_>, path: &Path<'_>, all: &mut Vec<Beside>) -> Result<(), Error> {
    if says_something(cursor.skip(path)?) {
        all.push(Beside::new(surface, 0, Words::Unread));
    }
    Ok(())
}

/// Reads one call: its words stand in `function.arguments` or `custom.input`, in the older form at its own top.
fn call(cursor: &mut Cursor<'_>, path: &Path<'_>, position: u32, all: &mut Vec<Beside>) -> Result<(), Error> {
    if cursor.kind() != Kind::Object {
        return present(Surface::ToolCalls, cursor, path, all);
    }
    let (mut part, mut words) = (position, None);
    cursor.object(path, |cursor, name, path| {
        match name {
            "index" => part = cursor.skip(path)?.parse().unwrap_or(position),
            "arguments" | "input" => words = given(cursor, path)?,
            "function" | "custom" if cursor.kind() == Kind::Object => {
                cursor.object(path, |cursor, name, path| {
                    if matches!(name, "arguments" | "input") {
                        words = given(cursor, path)?;
                    }
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(())
    })?;
    all.push(Beside::new(Surface::ToolCalls, part, words.map_or(Words::Unread, Words::More)));
    Ok(())
}
