//! Secrets for an app that is not deployed yet.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use anyhow::{anyhow, bail, Context, Result};
use serde::{Deserialize, Serialize};
use x25519_dalek::{PublicKey, StaticSecret};

const KEY_SIZE: usize = 32;
const IV_SIZE: usize = 12;

/// An environment variable of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvVar {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Encrypts the variables to an app's encryption key (hex of 32 bytes, with or without `0x`) and returns hex.
///
/// Check the key with [`verify_env_encrypt_public_key`](crate::verify_env_encrypt_public_key::verify_env_encrypt_public_key)
/// first. Only the app can read the result, but anybody can make one: it does not show who encrypted it.
pub fn encrypt_env_vars(envs: &[EnvVar], public_key_hex: &str) -> Result<String> {
    let remote: [u8; KEY_SIZE] = hex::decode(trim_hex_prefix(public_key_hex))
        .context("failed to decode the public key")?
        .try_into()
        .map_err(|_| anyhow!("the public key must be {KEY_SIZE} bytes"))?;
    let ephemeral = StaticSecret::from(random()?);
    seal(envs, &PublicKey::from(remote), &ephemeral, random()?)
}

pub(crate) fn trim_hex_prefix(text: &str) -> &str {
    text.strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text)
}

fn random<const SIZE: usize>() -> Result<[u8; SIZE]> {
    let mut bytes = [0; SIZE];
    getrandom::fill(&mut bytes).map_err(|why| anyhow!("no random numbers: {why}"))?;
    Ok(bytes)
}

fn seal(envs: &[EnvVar], remote: &PublicKey, ephemeral: &StaticSecret, iv: [u8; IV_SIZE]) -> Result<String> {
    #[derive(Serialize)]
    struct Plaintext<'a> {
        env: &'a [EnvVar],
    }
    let plaintext = serde_json::to_vec(&Plaintext { env: envs })?;
    let shared = ephemeral.diffie_hellman(remote);
    if !shared.was_contributory() {
        bail!("the public key is of small order");
    }
    let ciphertext = Aes256Gcm::new(shared.as_bytes().into())
        .encrypt(Nonce::from_slice(&iv), plaintext.as_slice())
        .map_err(|_| anyhow!("the variables are too large"))?;
    let sealed = [PublicKey::from(ephemeral).as_bytes(), iv.as_slice(), &ciphertext].concat();
    Ok(hex::encode(sealed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC_KEY: &str = "298710e105127bf86fb44f5ca549727fff93e7f2a6bde7cc79d01dbf5bc12a06";

    fn variable(key: &str, value: &str) -> EnvVar {
        EnvVar {
            key: key.to_string(),
            value: value.to_string(),
        }
    }

    #[test]
    fn encrypts_the_vector() {
        let recipient: [u8; 32] = hex::decode("ca1a3895d9d613287fc14034d0ec60abb5089896e7c8fd7c2f02bd91fa0076aa")
            .unwrap()
            .try_into()
            .unwrap();
        let remote = PublicKey::from(&StaticSecret::from(recipient));
        assert_eq!(hex::encode(remote.as_bytes()), PUBLIC_KEY);
        let envs = [variable("FOO", "bar"), variable("MSG", "Hello 世界")];
        let iv = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        assert_eq!(
            seal(&envs, &remote, &StaticSecret::from([0x77; 32]), iv).unwrap(),
            "1cf579aba45a10ba1d1ef06d91fca2aa9ed0a1150515653155405d0b18cb9a67000102030405060708090a0bb3b0442824225323d917c863c93fbe0d9f2e9867b334d69b34c7489b9a87c3f3c53c545fcfc5a1c819277baed0814fba7b8da935159fadf5802dde530881c1beb46bd77eb38de81d00388b02f10e199b9d920d01ed3f0f3cc5bf"
        );
    }

    #[test]
    fn never_encrypts_alike_twice() {
        let first = encrypt_env_vars(&[], PUBLIC_KEY).unwrap();
        let second = encrypt_env_vars(&[], &format!("0x{PUBLIC_KEY}")).unwrap();
        assert_eq!(first.len(), 2 * (60 + r#"{"env":[]}"#.len()));
        assert_ne!(first, second);
    }

    #[test]
    fn refuses_bad_keys() {
        for key in [
            "",
            "29",
            &format!("{PUBLIC_KEY}00"),
            &format!("zz{}", &PUBLIC_KEY[2..]),
            &"00".repeat(32),
        ] {
            assert!(encrypt_env_vars(&[], key).is_err());
        }
    }
}
