//! The calls of both clients: JSON over HTTP, on a unix socket or TCP.

use anyhow::{anyhow, bail, Context, Result};
use reqwest::{header::CONTENT_TYPE, redirect::Policy, Client, StatusCode};
use serde::{de::DeserializeOwned, Serialize};
use serde_json::Value;
use std::{fmt, path::Path, time::Duration};

const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const REACHABLE_TIMEOUT: Duration = Duration::from_millis(500);
/// Below the agent's 15 seconds, so that no call meets a connection it just closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER_SIZE: usize = 16 << 20;
const USER_AGENT: &str = concat!("dstack-sdk-rust/", env!("CARGO_PKG_VERSION"));
const SOCKET_FOLDERS: [&str; 4] = ["/var/run/", "/run/", "/var/run/dstack/", "/run/dstack/"];

/// The agent's answer to a call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    /// The last part of the path, as `GetKey`.
    pub method: String,
    /// The HTTP status. It is 200 where only the body tells of the failure.
    pub status: u16,
    /// The agent's own text, else the body.
    pub message: String,
}

impl fmt::Display for RpcError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "failed to call {}: status {}: {}",
            self.method, self.status, self.message
        )
    }
}

impl std::error::Error for RpcError {}

/// The answer is not what it should be.
#[derive(Debug)]
struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the answer is malformed")
    }
}

/// Tells whether an error shows an agent without the method. Connection errors, timeouts and the agent's own failures
/// say nothing about its age.
pub(crate) fn shows_old_agent(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<RpcError>() {
        Some(answer) => answer.status < 500,
        None => error.downcast_ref::<Malformed>().is_some(),
    }
}

/// The explicit endpoint, else that of the environment, else the first socket that exists, else its usual place.
pub(crate) fn choose_endpoint(explicit: Option<&str>, variable: &str, socket: &str) -> String {
    if let Some(endpoint) = explicit {
        return endpoint.to_string();
    }
    match std::env::var(variable) {
        Ok(endpoint) if !endpoint.is_empty() => return endpoint,
        _ => {}
    }
    let mut paths = SOCKET_FOLDERS.iter().map(|folder| format!("{folder}{socket}"));
    let usual = paths.next().unwrap_or_default();
    if Path::new(&usual).exists() {
        return usual;
    }
    paths.find(|path| Path::new(path).exists()).unwrap_or(usual)
}

pub(crate) struct Transport {
    base: String,
    endpoint: String,
    is_unix: bool,
    client: Result<Client, String>,
}

impl Transport {
    pub(crate) fn new(endpoint: String) -> Self {
        let is_unix = !endpoint.starts_with("http://") && !endpoint.starts_with("https://");
        let builder = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .user_agent(USER_AGENT)
            .timeout(CALL_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT);
        let builder = if is_unix {
            builder.unix_socket(endpoint.as_str())
        } else {
            builder
        };
        let base = if is_unix {
            "http://localhost".to_string()
        } else {
            endpoint.trim_end_matches('/').to_string()
        };
        let client = builder.build().map_err(|why| why.to_string());
        Self {
            base,
            endpoint,
            is_unix,
            client,
        }
    }

    pub(crate) fn is_unix(&self) -> bool {
        self.is_unix
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) async fn call<T: DeserializeOwned>(&self, path: &str, request: &impl Serialize) -> Result<T> {
        let method = method_of(path);
        let answer = self.call_value(path, request, CALL_TIMEOUT).await?;
        serde_json::from_value(answer)
            .context(Malformed)
            .with_context(|| format!("failed to call {method}"))
    }

    pub(crate) async fn call_value(&self, path: &str, request: &impl Serialize, timeout: Duration) -> Result<Value> {
        let method = method_of(path);
        let (status, body) = self
            .post(path, serde_json::to_vec(request)?, timeout)
            .await
            .with_context(|| format!("failed to call {method} of {}", self.endpoint))?;
        read_answer(method, status, &body)
    }

    pub(crate) async fn is_reachable(&self, path: &str) -> bool {
        let request = serde_json::json!({});
        self.call_value(path, &request, REACHABLE_TIMEOUT).await.is_ok()
    }

    async fn post(&self, path: &str, body: Vec<u8>, timeout: Duration) -> Result<(StatusCode, Vec<u8>)> {
        let client = self.client.as_ref().map_err(|why| anyhow!("{why}"))?;
        let mut answer = client
            .post(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, "application/json")
            .timeout(timeout)
            .body(body)
            .send()
            .await?;
        let mut collected = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if chunk.len() > MAX_ANSWER_SIZE - collected.len() {
                bail!("the answer is larger than {MAX_ANSWER_SIZE} bytes");
            }
            collected.extend_from_slice(&chunk);
        }
        Ok((answer.status(), collected))
    }
}

fn method_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Success is status 200 and no text member `error`.
fn read_answer(method: &str, status: StatusCode, body: &[u8]) -> Result<Value> {
    let parsed = serde_json::from_slice::<Value>(body);
    let text = parsed.as_ref().ok().and_then(|value| value.get("error")?.as_str());
    if status != StatusCode::OK || text.is_some() {
        let message = match text {
            Some("") => "unknown error".to_string(),
            Some(text) => text.to_string(),
            None => String::from_utf8_lossy(body).into_owned(),
        };
        return Err(RpcError {
            method: method.to_string(),
            status: status.as_u16(),
            message,
        }
        .into());
    }
    parsed
        .context(Malformed)
        .with_context(|| format!("failed to call {method}"))
}
