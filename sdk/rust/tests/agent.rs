//! Runs against an agent with the keys of the simulator, where `DSTACK_SIMULATOR_ENDPOINT` and `TAPPD_SIMULATOR_ENDPOINT` name
//! one; see the README.

use dstack_sdk::dstack_client::{DstackClient, TlsKeyConfig};
use dstack_sdk::solana;
use dstack_sdk::tappd_client::{QuoteHashAlgorithm, TappdClient};
use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use sha3::Keccak256;

fn agent() -> Option<DstackClient> {
    std::env::var_os("DSTACK_SIMULATOR_ENDPOINT").map(|_| DstackClient::new(None))
}

fn service() -> Option<TappdClient> {
    std::env::var_os("TAPPD_SIMULATOR_ENDPOINT").map(|_| TappdClient::new(None))
}

const KEYS: [(&str, &str, &str, &str); 5] = [
    ("", "", "38309afef2058aef6aee6ef7baca26942986ee387836a0dbdb5791f4f5a8142c", "9f3f2ca85e1ac9ef4acb716658a66d8b0b0926f8445121638356596b865b40af5db2b2fa02f143f6a0f0e31c799ea5ed93bcb284572b18c816ff4a1f4ecb744b00"),
    ("/", "test", "082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8", "f9c2004974b741bd7b7c926ea6a8e071bf06ecf921c5bd55826f35874cf2fea602c11b5eba8128293f4aa0911bd817bda3428c67929dc761f4f2068809ada46901"),
    ("test/wallet", "ethereum", "6244639c307e3d12a313dc49dbe310d4e0b833b15c346749ea96a4b9226e33b9", "aff4341afe0547ef79f6d44ccb4a45e1cb2b4c872043e30230ba6c94eb96e29f0f41c40636d95e959a3ec0e301731be38c9de416aa55a03e7f03d440dcfa236501"),
    ("test/signing", "solana", "6f01d732740cf8cad20aaa706904913c6d973cf4914e8f758ecd4ef46106ec4f", "d428fc0829f9f1dbac550a58064adf4c65eeecae778fe1240fae366ae77a4268467f9f405ea1e1103991b463fd99e0fa5dd7f256254268e055995f9043f7e8b701"),
    ("/test/path", "test-purpose", "50e62363110ce0c1ec0546671fd06c6b8a2c71a2af6467d34ac56d57170c9581", "5ddfe43b56ff5dcaf4ce97ac1cf1f0cf38dc13d1f973fc0d3920068fde42c499320deba46037279c390444de88609ace95e931898a45480184dbd2f9a9fde8b101"),
];

#[tokio::test]
async fn derives_keys() {
    let Some(client) = agent() else { return };
    for (path, purpose, expected, signature) in KEYS {
        let key = client
            .get_key(Some(path.to_string()), Some(purpose.to_string()))
            .await
            .unwrap();
        assert_eq!(key.key, expected);
        assert_eq!(key.signature_chain[0], signature);
        assert_eq!(key.signature_chain.len(), 2);
    }
    let key = client
        .get_key_with_algorithm(Some("/".to_string()), Some("test".to_string()), "ed25519")
        .await
        .unwrap();
    assert_eq!(key.key, KEYS[1].2);
    assert_eq!(key.signature_chain[0], "e21e071be10136235a25cbca3ecae3ae27fc4dd6136a30640cdd6b04b008d506071443b5be6e39c73927661780dc693d305cb5cefce625db0a73ab275f42e05e01");
    let pair = solana::to_keypair(&key).unwrap();
    assert_eq!(
        hex::encode(pair.verifying_key().as_bytes()),
        "80a95a07d5d895a79ed1a73c93af7ba635083ea5e2378b0ffa956e9147f923f8"
    );
    assert!(client.get_key_with_algorithm(None, None, "rsa").await.is_err());
}

fn recover(message: &[u8], signature: &[u8]) -> String {
    let recovery = RecoveryId::from_byte(signature[64]).unwrap();
    let signature = Signature::from_slice(&signature[..64]).unwrap();
    let hash = Keccak256::new().chain_update(message);
    hex::encode(
        VerifyingKey::recover_from_digest(hash, &signature, recovery)
            .unwrap()
            .to_encoded_point(true),
    )
}

/// The recipe for verifiers: key, app, KMS.
#[tokio::test]
async fn signs_keys_with_a_chain() {
    let Some(client) = agent() else { return };
    let key = client
        .get_key(Some("/test/path".to_string()), Some("test-purpose".to_string()))
        .await
        .unwrap();
    let chain = key.decode_signature_chain().unwrap();
    let secret = SigningKey::from_slice(&key.decode_key().unwrap()).unwrap();
    let public = hex::encode(secret.verifying_key().to_encoded_point(true));
    assert_eq!(
        public,
        "039aa5e9849930bb46f72bc6a06bf569546cf116795da0a679b98ff54627285fac"
    );
    let app = recover(format!("test-purpose:{public}").as_bytes(), &chain[0]);
    assert_eq!(
        app,
        "02b85cceca0c02d878f0ebcda72a97469a472416eb6faf3c4807642132f9786810"
    );
    let id = hex::decode(client.info().await.unwrap().app_id).unwrap();
    let message = [b"dstack-kms-issued:", &id[..], &hex::decode(app).unwrap()].concat();
    let kms = recover(&message, &chain[1]);
    assert_eq!(
        kms,
        "02cad3a8bb11c5c0858fb3e402048b5137457039d577986daade678ed4b4ab1b9b"
    );
}

#[tokio::test]
async fn makes_accounts() {
    let Some(client) = agent() else { return };
    for (path, purpose, secret, ethereum, solana_key) in [
        (
            "test/wallet",
            "ethereum",
            "6244639c307e3d12a313dc49dbe310d4e0b833b15c346749ea96a4b9226e33b9",
            "0x95d8399a8a90e4807d254cd26b4cff08b992bf10",
            "dba98a47245a51706a1cffb6bf08434f2bf12e8c1ec4165623083d3532dd0154",
        ),
        (
            "test/signing",
            "solana",
            "6f01d732740cf8cad20aaa706904913c6d973cf4914e8f758ecd4ef46106ec4f",
            "0xe3edfe0d432d5e71f3876f19b34ae947e38d6536",
            "23f8cd576887e7db0f3508b068d1b28090f33894d810035277d514b76ae25a3b",
        ),
        (
            "user/alice",
            "mainnet",
            "765300f5c141da0ab392051882277435c13a0dc152b0d60045d89c4cd9977235",
            "0xd65652874f4f4ae6d2cb6536973c73cf4eee8cd0",
            "808c2a81769e9e9042465474263060bc559ee8336546f7acf73fead09b18bd03",
        ),
        (
            "eth/test",
            "wallet",
            "887aa52486cdf9e94508e406e4f1dd8300a3781530e4dc5a8be22ca4821d7e3e",
            "0xdc49e11425e268d8fa4d0d169c11605072c9291d",
            "6ee67df2b6f35f357943f9dc27cc03ae5c3f9c39189d5affaa50a9ddd5e5dbd8",
        ),
        (
            "sol/test",
            "wallet",
            "73556950d8a18be6887481699ebb92f720167eb6f28ad3048b78f1f9666fdd95",
            "0x08c3c7ce6020783a6a11688932cebff19218a69f",
            "69877008e7f1eadf63ac93222f2aef28444b25903d18fd0c7b8221dababa1550",
        ),
    ] {
        let key = client
            .get_key(Some(path.to_string()), Some(purpose.to_string()))
            .await
            .unwrap();
        assert_eq!(key.key, secret);
        let pair = solana::to_keypair(&key).unwrap();
        assert_eq!(hex::encode(pair.verifying_key().as_bytes()), solana_key);
        #[cfg(feature = "ethereum")]
        {
            let account = dstack_sdk::ethereum::to_account(&key).unwrap();
            assert_eq!(account.address().to_string().to_lowercase(), ethereum);
        }
        #[cfg(not(feature = "ethereum"))]
        let _ = ethereum;
    }
}

#[tokio::test]
async fn quotes_and_extends() {
    let Some(client) = agent() else { return };
    let before = client.get_quote(b"test".to_vec()).await.unwrap();
    client
        .emit_event("rust-test".to_string(), b"payload".to_vec())
        .await
        .unwrap();
    let after = client.get_quote(b"test".to_vec()).await.unwrap();
    assert_ne!(before.replay_rtmrs().unwrap()[&3], after.replay_rtmrs().unwrap()[&3]);
    for answer in [before, after] {
        let quote = answer.decode_quote().unwrap();
        let mut padded = b"test".to_vec();
        padded.resize(64, 0);
        assert_eq!(quote[568..632], padded);
        assert_eq!(hex::decode(&answer.report_data).unwrap(), padded);
        assert!(!answer.vm_config.is_empty() && !answer.decode_event_log().unwrap().is_empty());
        for (index, register) in answer.replay_rtmrs().unwrap() {
            let offset = 376 + 48 * usize::from(index);
            assert_eq!(register, hex::encode(&quote[offset..offset + 48]));
        }
    }
}

#[tokio::test]
async fn tells_what_the_app_runs_on() {
    let Some(client) = agent() else { return };
    let info = client.info().await.unwrap();
    let tcb = &info.tcb_info;
    for text in [
        &info.app_id,
        &info.instance_id,
        &info.app_name,
        &info.device_id,
        &info.key_provider_info,
        &info.compose_hash,
        &tcb.mrtd,
        &tcb.rtmr0,
        &tcb.rtmr1,
        &tcb.rtmr2,
        &tcb.rtmr3,
        &tcb.compose_hash,
        &tcb.device_id,
        &tcb.app_compose,
    ] {
        assert!(!text.is_empty(), "{info:?}");
    }
    assert!(!tcb.event_log.is_empty());
    assert!(client.is_reachable().await);
    assert!(!client.version().await.unwrap().version.is_empty());
    client.gpu_info().await.unwrap();
    let attestation = client.attest(b"test".to_vec()).await.unwrap();
    assert!(!attestation.decode_attestation().unwrap().is_empty());
}

#[tokio::test]
async fn certifies_tls_keys() {
    let Some(client) = agent() else { return };
    let first = client.get_tls_key(TlsKeyConfig::builder().build()).await.unwrap();
    let config = TlsKeyConfig::builder()
        .usage_ra_tls(true)
        .not_after(1_800_000_000)
        .build();
    let second = client.get_tls_key(config).await.unwrap();
    assert!(first.key.starts_with("-----BEGIN PRIVATE KEY-----") && !first.certificate_chain.is_empty());
    assert_ne!(first.key, second.key);
}

#[tokio::test]
async fn signs_and_verifies() {
    let Some(client) = agent() else { return };
    let digest = Sha256::digest(b"message").to_vec();
    for (algorithm, data) in [
        ("ed25519", b"message".to_vec()),
        ("secp256k1", b"message".to_vec()),
        ("k256", b"message".to_vec()),
        ("secp256k1_prehashed", digest),
    ] {
        let signed = client.sign(algorithm, data.clone()).await.unwrap();
        assert_eq!(signed.signature_chain.len(), 3);
        for (text, valid) in [(data, true), (vec![0; 32], false)] {
            let (signature, key) = (signed.decode_signature().unwrap(), signed.decode_public_key().unwrap());
            let verdict = client.verify(algorithm, text, signature, key).await.unwrap();
            assert_eq!(verdict.valid, valid, "{algorithm}");
        }
    }
}

#[tokio::test]
async fn serves_the_legacy_calls() {
    let Some(client) = service() else { return };
    let key = client.derive_key("/").await.unwrap();
    assert_eq!(hex::encode(key.decode_key().unwrap()), KEYS[1].2);
    let raw = client.get_quote(vec![7; 64]).await.unwrap();
    assert_eq!(raw.decode_quote().unwrap()[568..632], [7; 64]);
    assert_eq!(raw.replay_rtmrs().unwrap().len(), 4);
    assert!(!client.info().await.unwrap().tcb_info.app_compose.is_empty());
    assert!(client.is_reachable().await);
}

/// The report data of a quote over `test` by each hash.
#[tokio::test]
async fn hashes_report_data() {
    use QuoteHashAlgorithm::*;
    let Some(client) = service() else { return };
    let raw = ["00".repeat(60), "74657374".to_string()].concat();
    for (algorithm, expected) in [
        (Sha256, "a5d2ef1e94583bef4a02b29278af41b662d239beb36937a993108841b6b3c1fc"),
        (Sha384, "520c310d0fa18bedd24891ad191a9b785befe672f518d1c1a5b8d4b6cfb4f233815b825aaaa5466334fe6e2fd3f2c6a4"),
        (Sha512, "1864e059be7e1ec12d9fe9da903d3711e0d72edab19f044cc9d6ac90c32b996b545a9979309bd19c36b803941e8e3485115e9b794001f2b9f367f6e03c52e532"),
        (Sha3_256, "893acdd0162e33594df56553bea2079b99d7d562284f9eb7fd9458e2add81fe8"),
        (Sha3_384, "47b4d35de7240cf179ac5fde22464fa3a076e5142ba0f629b400602b5f2bfe7f01a1bf2d63ef5abbff50a381d7031be3"),
        (Sha3_512, "4ffccda90bf80d7dd814350ebd438f5b3b77aab1d387b27967778597794cc696311f5cd0f50697b796f621ee5c78784e5d847953f3f1120c48519ce6e4648b4c"),
        (Keccak256, "b877945563d5025eec520b6bb150efcf4c368c491ff1947529be3125d4e5ecb6"),
        (Keccak384, "a551aba3b52b345ceeaba78660e95318fd404f947efa8ce16134a9d7dd370248c7a8cf4711dce74e8c4feb01abb45ea9"),
        (Keccak512, "6dd564fe70580e2476e2ecb78ba5f994b83f8178064257bba498dcab267c5c75135c6b8f268d93415ac8662db5104abccd51d30c0500da684a7550ae3f3b71c7"),
        (Raw, &raw),
    ] {
        let quote = client.tdx_quote(b"test".to_vec(), algorithm).await.unwrap();
        let report_data = hex::encode(&quote.decode_quote().unwrap()[568..632]);
        assert_eq!(report_data, format!("{expected:0<128}"), "{}", algorithm.as_str());
    }
}
