//! The turns that it is given, taken with async-openai: every line of the standard input is a turn to take, and every line of the standard output says
//! what came of one.
//!
//! Requests are read into the client's own types and answers come in them; they are looked at as JSON, so that one way of looking serves all.

use std::collections::HashMap;
use std::error::Error;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::ReqwestService;
use async_openai::traits::RequestOptionsBuilder;
use async_openai::types::responses::ResponseStreamEvent;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::StreamExt;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Turn {
    id: String,
    way: String,
    base_url: String,
    model: String,
    question: String,
    picture: Option<String>,
    tools: bool,
    headers: HashMap<String, String>,
}

#[derive(Default)]
struct Got {
    text: String,
    finish: Value,
    tools: Vec<[String; 2]>,
    moderation: Value,
    error: Value,
}

type Taken = Result<(), Box<dyn Error>>;

impl Turn {
    fn client(&self) -> Client<OpenAIConfig> {
        let config = OpenAIConfig::new().with_api_base(&self.base_url).with_api_key("sk-of-the-client");
        // The plain service sends every request once.
        Client::with_config(config).with_http_service(ReqwestService::default())
    }

    fn shown(&self) -> Result<Option<String>, Box<dyn Error>> {
        let Some(path) = &self.picture else { return Ok(None) };
        Ok(Some(format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(std::fs::read(path)?))))
    }

    fn tool(&self) -> Value {
        let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"], "additionalProperties": false });
        json!({ "name": "look_up", "description": "Looks up a custom.", "strict": true, "parameters": parameters })
    }

    fn chat(&self) -> Result<Value, Box<dyn Error>> {
        let content = match self.shown()? {
            None => json!(self.question),
            Some(url) => {
                json!([{ "type": "text", "text": self.question }, { "type": "image_url", "image_url": { "url": url } }])
            }
        };
        let mut asked = json!({ "model": self.model, "messages": [{ "role": "user", "content": content }] });
        if self.tools {
            asked["tools"] = json!([{ "type": "function", "function": self.tool() }]);
        }
        Ok(asked)
    }

    fn responses(&self) -> Result<Value, Box<dyn Error>> {
        let input = match self.shown()? {
            None => json!(self.question),
            Some(url) => json!([{ "role": "user", "content": [
                { "type": "input_text", "text": self.question },
                { "type": "input_image", "detail": "auto", "image_url": url },
            ] }]),
        };
        let mut asked = json!({ "model": self.model, "input": input });
        if self.tools {
            let mut tool = self.tool();
            tool["type"] = json!("function");
            asked["tools"] = json!([tool]);
        }
        Ok(asked)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Got {
    fn completion(&mut self, answer: &Value) {
        let choice = &answer["choices"][0];
        self.text = text(&choice["message"]["content"]);
        self.finish = choice["finish_reason"].clone();
        let calls = choice["message"]["tool_calls"].as_array().into_iter().flatten();
        self.tools =
            calls.map(|call| [text(&call["function"]["name"]), text(&call["function"]["arguments"])]).collect();
        self.moderation = answer["moderation"].clone();
    }

    fn chunk(&mut self, came: &Value) {
        if !came["moderation"].is_null() {
            self.moderation = came["moderation"].clone();
        }
        for choice in came["choices"].as_array().into_iter().flatten() {
            self.text += &text(&choice["delta"]["content"]);
            if !choice["finish_reason"].is_null() {
                self.finish = choice["finish_reason"].clone();
            }
            for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                if !call["id"].is_null() {
                    self.tools.push([text(&call["function"]["name"]), String::new()]);
                }
                if let Some([_, arguments]) = self.tools.last_mut() {
                    *arguments += &text(&call["function"]["arguments"]);
                }
            }
        }
    }

    fn response(&mut self, said: Option<String>, answer: &Value) {
        self.text = said.unwrap_or_default();
        self.finish = answer["status"].clone();
        let calls = answer["output"].as_array().into_iter().flatten().filter(|item| item["type"] == "function_call");
        self.tools = calls.map(|call| [text(&call["name"]), text(&call["arguments"])]).collect();
        self.moderation = answer["moderation"].clone();
    }
}

async fn chat(turn: &Turn, got: &mut Got, streamed: bool) -> Taken {
    let client = turn.client();
    let chat = client.chat().headers(HeaderMap::try_from(&turn.headers)?);
    let asked = serde_json::from_value(turn.chat()?)?;
    if !streamed {
        got.completion(&serde_json::to_value(chat.create(asked).await?)?);
        return Ok(());
    }
    let mut stream = chat.create_stream(asked).await?;
    while let Some(came) = stream.next().await {
        got.chunk(&serde_json::to_value(came?)?);
    }
    Ok(())
}

async fn responses(turn: &Turn, got: &mut Got, streamed: bool) -> Taken {
    let client = turn.client();
    let responses = client.responses().headers(HeaderMap::try_from(&turn.headers)?);
    let asked = serde_json::from_value(turn.responses()?)?;
    if !streamed {
        let answer = responses.create(asked).await?;
        got.response(answer.output_text(), &serde_json::to_value(&answer)?);
        return Ok(());
    }
    let mut stream = responses.create_stream(asked).await?;
    while let Some(came) = stream.next().await {
        match came? {
            ResponseStreamEvent::ResponseOutputTextDelta(event) => got.text += &event.delta,
            ResponseStreamEvent::ResponseError(event) => {
                got.error =
                    json!({ "type": "an error event", "status": null, "code": event.code, "message": event.message });
            }
            ResponseStreamEvent::ResponseCompleted(event) => {
                let streamed = std::mem::take(&mut got.text);
                got.response(event.response.output_text(), &serde_json::to_value(&event.response)?);
                if got.text != streamed {
                    return Err(format!("streamed was {streamed:?}, and the end says {:?}", got.text).into());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn described(error: &(dyn Error + 'static)) -> Value {
    let (kind, status, code) = match error.downcast_ref() {
        Some(OpenAIError::ApiError(said)) => {
            ("ApiError", Some(said.status_code.as_u16()), said.api_error.code.as_deref())
        }
        Some(OpenAIError::Reqwest(_)) => ("Reqwest", None, None),
        Some(OpenAIError::JSONDeserialize(..)) => ("JSONDeserialize", None, None),
        Some(OpenAIError::StreamError(_)) => ("StreamError", None, None),
        _ => ("another error", None, None),
    };
    json!({ "type": kind, "status": status, "code": code, "message": error.to_string() })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Taken {
    for line in std::io::stdin().lines() {
        let turn: Turn = serde_json::from_str(&line?)?;
        let mut got = Got::default();
        let taken = match turn.way.as_str() {
            "chat create" => chat(&turn, &mut got, false).await,
            "chat create_stream" => chat(&turn, &mut got, true).await,
            "responses create" => responses(&turn, &mut got, false).await,
            "responses create_stream" => responses(&turn, &mut got, true).await,
            other => Err(format!("there is no way {other:?}").into()),
        };
        if let Err(error) = taken {
            got.error = described(error.as_ref());
        }
        let Got { text, finish, tools, moderation, error } = got;
        println!(
            "{}",
            json!({ "id": turn.id, "text": text, "finish": finish, "tools": tools, "moderation": moderation, "error": error })
        );
    }
    Ok(())
}
