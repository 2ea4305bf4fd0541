//! Calls against an agent of a few lines on a unix socket: what is asked, and what is made of each kind of answer.

use dstack_sdk::dstack_client::{ClientKind, DstackClient, TlsKeyConfig};
use dstack_sdk::tappd_client::{QuoteHashAlgorithm, TappdClient};
use dstack_sdk::RpcError;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

type Answers = &'static [(&'static str, u16, &'static str)];

/// Answers each path with the text given for it, and 400 to any other. Its socket is removed with it.
struct Fake {
    socket: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn new(answers: Answers) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("dstack-sdk-{}-{number}.sock", std::process::id());
        let socket = std::env::temp_dir().join(name).to_str().unwrap().to_string();
        let listener = UnixListener::bind(&socket).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answers, seen.clone()));
            }
        });
        Self { socket, asked }
    }

    fn client(&self) -> DstackClient {
        DstackClient::new(Some(&self.socket))
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        std::fs::remove_file(&self.socket).unwrap();
    }
}

async fn serve(mut stream: UnixStream, answers: Answers, asked: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    let (head, body) = loop {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        if count == 0 {
            return;
        }
        request.extend_from_slice(&buffer[..count]);
        if let Some(parts) = split(&String::from_utf8_lossy(&request)) {
            break parts;
        }
    };
    assert!(head.contains("\r\nhost: localhost\r\n") && head.matches("content-type: application/json").count() == 1);
    let path = head.split(' ').nth(1).unwrap();
    asked.lock().unwrap().push(format!("{path} {body}"));
    let (status, text) = answers
        .iter()
        .find(|(known, _, _)| *known == path)
        .map_or((400, r#"{"error":"service not found"}"#), |(_, status, text)| {
            (*status, *text)
        });
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// The head, its header names and values in lower case, and the body, once all of it is there.
fn split(request: &str) -> Option<(String, String)> {
    let (head, body) = request.split_once("\r\n\r\n")?;
    let (line, headers) = head.split_once("\r\n")?;
    let head = format!("{line}\r\n{}\r\n", headers.to_lowercase());
    let length: usize = head
        .split("content-length: ")
        .nth(1)?
        .split("\r\n")
        .next()?
        .parse()
        .ok()?;
    (body.len() >= length).then(|| (head, body.to_string()))
}

const KEY: &str = r#"{"key":"01","signature_chain":["02","03"]}"#;

#[tokio::test]
async fn asks_for_keys() {
    let fake = Fake::new(&[("/GetKey", 200, KEY), ("/Version", 200, r#"{"version":"0.5.7"}"#)]);
    let client = fake.client();
    let path = || Some("p".to_string());
    let key = client.get_key(path(), None).await.unwrap();
    assert_eq!(key.decode_key().unwrap(), [1]);
    assert_eq!(key.decode_signature_chain().unwrap(), [[2], [3]]);
    assert_eq!(fake.asked(), [r#"/GetKey {"path":"p","purpose":""}"#]);
    client.get_key_with_algorithm(path(), None, "secp256k1").await.unwrap();
    assert_eq!(fake.asked(), [r#"/GetKey {"path":"p","purpose":""}"#]);
    client.get_key_with_algorithm(path(), None, "k256").await.unwrap();
    assert_eq!(
        fake.asked(),
        [r#"/GetKey {"algorithm":"k256","path":"p","purpose":""}"#]
    );
    client.get_key_with_algorithm(path(), None, "ed25519").await.unwrap();
    assert_eq!(
        fake.asked(),
        [
            "/Version {}",
            r#"/GetKey {"algorithm":"ed25519","path":"p","purpose":""}"#
        ]
    );
}

#[tokio::test]
async fn refuses_new_features_with_old_agents() {
    for fake in [
        Fake::new(&[("/GetKey", 200, KEY)]),
        Fake::new(&[("/GetKey", 200, KEY), ("/Version", 200, r#"{"version":""}"#)]),
        Fake::new(&[("/GetKey", 200, KEY), ("/Version", 200, r#"{"version":7}"#)]),
        Fake::new(&[("/GetKey", 200, KEY), ("/Version", 200, "<html>")]),
    ] {
        let client = fake.client();
        let why = client.get_key_with_algorithm(None, None, "ed25519").await.unwrap_err();
        assert_eq!(
            why.to_string(),
            "algorithm \"ed25519\" is not supported: OS version too old (Version RPC unavailable)"
        );
        let config = TlsKeyConfig::builder().not_after(1).with_app_info(true).build();
        let why = client.get_tls_key(config).await.unwrap_err();
        assert_eq!(
            why.to_string(),
            "TLS key options [not_after, with_app_info] are not supported: OS version too old (Version RPC unavailable)"
        );
    }
}

#[tokio::test]
async fn passes_failures_of_the_probe_on() {
    let fake = Fake::new(&[("/Version", 503, "")]);
    for client in [fake.client(), DstackClient::new(Some("/nonexistent/dstack.sock"))] {
        let why = client.get_key_with_algorithm(None, None, "ed25519").await.unwrap_err();
        assert!(!why.to_string().contains("too old"), "{why:#}");
    }
}

#[tokio::test]
async fn asks_for_tls_keys() {
    let fake = Fake::new(&[
        ("/GetTlsKey", 200, r#"{"key":"k","certificate_chain":["a"]}"#),
        ("/Version", 200, r#"{"version":"0.5.7"}"#),
    ]);
    let client = fake.client();
    client.get_tls_key(TlsKeyConfig::builder().build()).await.unwrap();
    assert_eq!(
        fake.asked(),
        [
            r#"/GetTlsKey {"subject":"","alt_names":[],"usage_ra_tls":false,"usage_server_auth":true,"usage_client_auth":false}"#
        ]
    );
    let config = TlsKeyConfig::builder()
        .subject("s")
        .alt_names(vec!["a".to_string()])
        .usage_ra_tls(true)
        .usage_server_auth(false)
        .usage_client_auth(true)
        .not_before(1)
        .not_after(2)
        .with_app_info(true)
        .build();
    client.get_tls_key(config).await.unwrap();
    assert_eq!(
        fake.asked()[1],
        r#"/GetTlsKey {"subject":"s","alt_names":["a"],"usage_ra_tls":true,"usage_server_auth":false,"usage_client_auth":true,"not_before":1,"not_after":2,"with_app_info":true}"#
    );
}

#[tokio::test]
async fn asks_for_everything_else() {
    let fake = Fake::new(&[
        ("/EmitEvent", 200, "null"),
        ("/Attest", 200, r#"{"attestation":"00ff"}"#),
        ("/GpuInfo", 200, r#"{"attestation":"{}"}"#),
        (
            "/Sign",
            200,
            r#"{"signature":"01","signature_chain":["02"],"public_key":"03"}"#,
        ),
        ("/Verify", 200, r#"{"valid":true}"#),
        ("/GetQuote", 200, r#"{"quote":"0102","event_log":"[]"}"#),
    ]);
    let client = fake.client();
    client.emit_event("e".to_string(), vec![1]).await.unwrap();
    let attestation = client.attest(vec![2]).await.unwrap();
    assert_eq!(attestation.decode_attestation().unwrap(), [0, 255]);
    assert_eq!(client.gpu_info().await.unwrap().attestation, "{}");
    let signed = client.sign("ed25519", vec![3]).await.unwrap();
    assert_eq!(signed.decode_signature_chain().unwrap(), [[2]]);
    assert!(client.verify("ed25519", vec![4], vec![5], vec![6]).await.unwrap().valid);
    let quote = client.get_quote(vec![7]).await.unwrap();
    assert_eq!(quote.decode_quote().unwrap(), [1, 2]);
    assert_eq!(
        fake.asked(),
        [
            r#"/EmitEvent {"event":"e","payload":"01"}"#,
            r#"/Attest {"report_data":"02"}"#,
            "/GpuInfo {}",
            r#"/Sign {"algorithm":"ed25519","data":"03"}"#,
            r#"/Verify {"algorithm":"ed25519","data":"04","public_key":"06","signature":"05"}"#,
            r#"/GetQuote {"report_data":"07"}"#,
        ]
    );
}

#[tokio::test]
async fn asks_the_legacy_service() {
    let fake = Fake::new(&[
        ("/prpc/Tappd.DeriveKey", 200, r#"{"key":"k","certificate_chain":[]}"#),
        ("/prpc/Tappd.RawQuote", 200, r#"{"quote":"","event_log":"[]"}"#),
        ("/prpc/Tappd.TdxQuote", 200, r#"{"quote":"","event_log":"[]"}"#),
    ]);
    let client = TappdClient::new(Some(&fake.socket));
    client.derive_key("/p").await.unwrap();
    client.derive_key_with_subject("/p", "s").await.unwrap();
    let names = Some(vec!["n".to_string()]);
    client
        .derive_key_with_subject_and_alt_names("/p", None, names)
        .await
        .unwrap();
    client.get_quote(vec![0; 64]).await.unwrap();
    client.tdx_quote(vec![1], QuoteHashAlgorithm::Sha3_256).await.unwrap();
    assert!(client.get_quote(vec![0; 63]).await.is_err());
    assert!(client.tdx_quote(vec![0; 65], QuoteHashAlgorithm::Raw).await.is_err());
    assert_eq!(
        fake.asked(),
        [
            r#"/prpc/Tappd.DeriveKey {"path":"/p","subject":"/p"}"#.to_string(),
            r#"/prpc/Tappd.DeriveKey {"path":"/p","subject":"s"}"#.to_string(),
            r#"/prpc/Tappd.DeriveKey {"alt_names":["n"],"path":"/p","subject":"/p"}"#.to_string(),
            format!(r#"/prpc/Tappd.RawQuote {{"report_data":"{}"}}"#, "00".repeat(64)),
            r#"/prpc/Tappd.TdxQuote {"hash_algorithm":"sha3-256","report_data":"01"}"#.to_string(),
        ]
    );
}

#[tokio::test]
async fn checks_arguments_before_it_asks() {
    let fake = Fake::new(&[]);
    let client = fake.client();
    for size in [0, 65] {
        assert!(client.get_quote(vec![0; size]).await.is_err());
        assert!(client.attest(vec![0; size]).await.is_err());
    }
    let why = client.sign("secp256k1_prehashed", vec![0; 31]).await.unwrap_err();
    assert!(why.to_string().contains("32-byte digest"));
    assert!(client.emit_event(String::new(), Vec::new()).await.is_err());
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn tells_failures_from_successes() {
    for (fake, status, message) in [
        (
            Fake::new(&[("/GpuInfo", 400, r#"{"error":"no such thing"}"#)]),
            400,
            "no such thing",
        ),
        (Fake::new(&[("/GpuInfo", 500, "oops")]), 500, "oops"),
        (
            Fake::new(&[("/GpuInfo", 302, r#"{"attestation":""}"#)]),
            302,
            r#"{"attestation":""}"#,
        ),
        (
            Fake::new(&[("/GpuInfo", 200, r#"{"attestation":"","error":"no"}"#)]),
            200,
            "no",
        ),
        (Fake::new(&[("/GpuInfo", 200, r#"{"error":""}"#)]), 200, "unknown error"),
    ] {
        let why = fake.client().gpu_info().await.unwrap_err();
        let answer = why.downcast_ref::<RpcError>().unwrap();
        assert_eq!(
            (answer.method.as_str(), answer.status, answer.message.as_str()),
            ("GpuInfo", status, message)
        );
        assert_eq!(
            why.to_string(),
            format!("failed to call GpuInfo: status {status}: {message}")
        );
    }
    for fake in [
        Fake::new(&[("/GpuInfo", 200, r#"{"attestation":"","error":null}"#)]),
        Fake::new(&[("/GpuInfo", 200, r#"{"attestation":"","error":{"code":1}}"#)]),
    ] {
        fake.client().gpu_info().await.unwrap();
    }
    for fake in [
        Fake::new(&[("/GpuInfo", 200, "{}")]),
        Fake::new(&[("/GpuInfo", 200, "{")]),
    ] {
        fake.client().gpu_info().await.unwrap_err();
    }
}

#[tokio::test]
async fn knows_what_is_reachable() {
    let fake = Fake::new(&[("/Info", 200, "{}")]);
    assert!(fake.client().is_reachable().await);
    assert!(!TappdClient::new(Some(&fake.socket)).is_reachable().await);
    assert!(!DstackClient::new(Some("/nonexistent/dstack.sock")).is_reachable().await);
}

#[test]
fn tells_urls_from_sockets() {
    assert_eq!(DstackClient::new(Some("http://localhost:1/")).kind(), ClientKind::Http);
    assert_eq!(DstackClient::new(Some("https://localhost:1")).kind(), ClientKind::Http);
    assert_eq!(DstackClient::new(Some("/d.sock")).kind(), ClientKind::Unix);
    assert_eq!(DstackClient::new(Some("")).endpoint(), "");
}
