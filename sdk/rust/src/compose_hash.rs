//! The hash that an `app-compose.json` is measured with.

use anyhow::{bail, Result};
use dstack_sdk_types::canonical;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Returns the hex SHA-256 of an app's canonical `app-compose.json`.
///
/// With `normalize`, members which the runner does not use are left out first. A guest measures the file as deployed, byte
/// for byte: the hash predicts that only for a file that holds exactly [`canonical_compose`].
pub fn get_compose_hash(app_compose: &Value, normalize: bool) -> Result<String> {
    Ok(hex::encode(Sha256::digest(canonical_compose(app_compose, normalize)?)))
}

/// Returns the text which [`get_compose_hash`] hashes.
pub fn canonical_compose(app_compose: &Value, normalize: bool) -> Result<String> {
    if !app_compose.is_object() {
        bail!("the app compose is no JSON object");
    }
    if !normalize {
        return canonical::to_string(app_compose);
    }
    let mut members = app_compose.clone();
    normalize_members(&mut members);
    canonical::to_string(&members)
}

fn normalize_members(app_compose: &mut Value) {
    let unused = match app_compose["runner"].as_str() {
        Some("bash") => Some("docker_compose_file"),
        Some("docker-compose" | "nerdctl-compose") => Some("bash_script"),
        _ => None,
    };
    let Some(members) = app_compose.as_object_mut() else {
        return;
    };
    if let Some(name) = unused {
        members.remove(name);
    }
    if members.get("pre_launch_script").is_some_and(is_falsy) {
        members.remove("pre_launch_script");
    }
}

fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hashes_the_vectors() {
        let file_a = r"services:\n  app:\n    image: test\n    ports:\n      - 8080:8080";
        let file_b = r"services:\n  web:\n    build: .\n    environment:\n      - NODE_ENV=production";
        let c = r#"{"runner":"docker-compose","docker_compose_file":"docker-compose.yml","text":"你好世界","id":"c73a3a4e-ce71-4c12-a1b7-78be1a2e48e0","b_number":123,"a_status":true,"z_items":[3,1,2],"nested":{"gamma":3.14,"alpha":"first"}}"#;
        let d = json!({"runner":"bash","bash_script":"start.sh","docker_compose_file":"docker-compose.yml"});
        let e = json!({"runner":"docker-compose","docker_compose_file":"docker-compose.yml","pre_launch_script":""});
        let f = "a && b < c > d \u{2028} / \" \\ \t\u{7f}🚀";
        for (compose, normalize, expected) in [
            (
                json!({"manifest_version":1,"name":"test-app","runner":"docker-compose","docker_compose_file":file_a}),
                false,
                "988a2e3448a69facce5c9a9a91f9335f485bb0a996ddd06897a388a1340fafdd",
            ),
            (
                json!({"manifest_version":1,"name":"another-app","runner":"docker-compose","docker_compose_file":file_b}),
                false,
                "bb05251a8326f16fea9635efd05b9c019533570a5e1549a5da2a33fbf315b438",
            ),
            (
                serde_json::from_str(c).unwrap(),
                false,
                "0705386656362891629ac994406f4e31ba5c805b9638538df415c56768a504f4",
            ),
            (
                d.clone(),
                false,
                "0449d0ea1c093c6e14efd1e55a36ebd0bc52d268b27af425f30055c35c7c0303",
            ),
            (
                d,
                true,
                "75a6f53f70c26c8f7b545f48c2f5ef2f76c27d13f7034be1021cf25f5d9853d2",
            ),
            (
                e.clone(),
                false,
                "62b1427a78326534139e8107dcbab24a0cf74aed970e73401517311ec3265953",
            ),
            (
                e,
                true,
                "6148eabae40413a5c15aeab33343e7a219edc0cda2c2556add9a96ec76d61b11",
            ),
            (
                json!({"runner":"docker-compose","docker_compose_file":f}),
                false,
                "e2f999a28c92cef38ca4c2ae2d2ea61cbc6765df37f6320a04261fde56b37647",
            ),
            (
                json!({"runner":"docker-compose","x":null}),
                false,
                "c6fb131aaf77871c80da1952d67648cdc9274a2fa160b0324c91ef4904a790ad",
            ),
            (
                json!({"runner":"docker-compose","f":1.0,"g":1e21,"h":1e-7,"n":-0.0}),
                false,
                "80e4198905a18d403fb87f2ad3c517c4d94643ba38ee3fb0a426ee1528392536",
            ),
            (
                json!({"runner":"docker-compose","m":{"10":1,"9":2,"a":3}}),
                false,
                "8e766e7a53782b6ec14fde2ad6cf2abb7bbcd9b39b24d8ebe9590a4e9cdb2e92",
            ),
            (
                json!({}),
                false,
                "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            ),
        ] {
            assert_eq!(get_compose_hash(&compose, normalize).unwrap(), expected);
        }
    }

    #[test]
    fn normalizes() {
        for (given, expected) in [
            (
                json!({"runner":"nerdctl-compose","bash_script":"x"}),
                r#"{"runner":"nerdctl-compose"}"#,
            ),
            (
                json!({"runner":"other","bash_script":"x","pre_launch_script":0.0}),
                r#"{"bash_script":"x","runner":"other"}"#,
            ),
            (json!({"pre_launch_script":null}), "{}"),
            (json!({"pre_launch_script":false}), "{}"),
            (json!({"pre_launch_script":[]}), r#"{"pre_launch_script":[]}"#),
        ] {
            assert_eq!(canonical_compose(&given, true).unwrap(), expected);
        }
    }

    #[test]
    fn refuses_what_is_no_object() {
        for compose in [json!(null), json!([]), json!("{}"), json!({"a": 9007199254740992_u64})] {
            assert!(get_compose_hash(&compose, false).is_err());
        }
    }
}
