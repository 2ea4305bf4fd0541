//! Replaying event logs: the registers that the events lead to.

use crate::canonical::push_string;
use crate::dstack::EventLog;
use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use anyhow::{anyhow, bail, Context, Result};
use sha2::{Digest, Sha384};

const REGISTERS: u8 = 4;
const SIZE: usize = 48;
const RUNTIME_EVENT_TYPE: u32 = 0x0800_0001;

/// The four registers, in hex.
pub(crate) fn replay(events: &[EventLog]) -> Result<BTreeMap<u8, String>> {
    let mut registers: BTreeMap<u8, Vec<u8>> = (0..REGISTERS).map(|index| (index, alloc::vec![0; SIZE])).collect();
    for (position, event) in events.iter().enumerate() {
        let index = u8::try_from(event.imr).unwrap_or(u8::MAX);
        let Some(register) = registers.get_mut(&index) else {
            continue;
        };
        let digest = digest(event).with_context(|| format!("event {position} of the log"))?;
        *register = Sha384::new()
            .chain_update(&*register)
            .chain_update(digest)
            .finalize()
            .to_vec();
    }
    Ok(registers
        .into_iter()
        .map(|(index, value)| (index, hex::encode(value)))
        .collect())
}

fn from_hex(text: &str, what: &str) -> Result<Vec<u8>> {
    hex::decode(text).map_err(|why| anyhow!("{what}: {why}"))
}

/// What the event extended its register with: computed for dstack's own events, else as the log says.
fn digest(event: &EventLog) -> Result<Vec<u8>> {
    let mut given = from_hex(&event.digest, "digest")?;
    if event.event_type != RUNTIME_EVENT_TYPE {
        given.resize(given.len().max(SIZE), 0);
        return Ok(given);
    }
    let computed = Sha384::digest(preimage(event)?).to_vec();
    if !given.is_empty() && given != computed {
        bail!("digest of {:?} is not that of its name and payload", event.event);
    }
    Ok(computed)
}

fn preimage(event: &EventLog) -> Result<Vec<u8>> {
    let payload = from_hex(&event.event_payload, "event_payload")?;
    let computed = match event.version.unwrap_or(1) {
        1 => [
            &event.event_type.to_le_bytes()[..],
            b":",
            event.event.as_bytes(),
            b":",
            &payload,
        ]
        .concat(),
        2 => second_preimage(event, &payload).into_bytes(),
        version => bail!("unknown event version {version}"),
    };
    match event.preimage.as_deref() {
        None | Some("") => {}
        Some(text) if from_hex(text, "preimage")? == computed => {}
        Some(_) => bail!("preimage of {:?} is not that of its name and payload", event.event),
    }
    Ok(computed)
}

fn second_preimage(event: &EventLog, payload: &[u8]) -> String {
    let mut text = String::from("{\"name\":");
    push_string(&mut text, &event.event);
    text.push_str(&format!(
        ",\"payload\":\"{}\",\"type\":{}}}",
        hex::encode(payload),
        event.event_type
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn runtime(name: &str, payload: &str) -> EventLog {
        EventLog {
            imr: 3,
            event_type: RUNTIME_EVENT_TYPE,
            digest: String::new(),
            event: name.to_string(),
            event_payload: payload.to_string(),
            version: None,
            preimage: None,
        }
    }

    fn boot(digest: &str) -> EventLog {
        EventLog {
            imr: 0,
            event_type: 1,
            digest: digest.to_string(),
            ..runtime("", "")
        }
    }

    #[test]
    fn replays_the_vectors() {
        let mut events = alloc::vec![
            runtime("system-preparing", ""),
            runtime("app-id", &"11".repeat(20)),
            runtime("compose-hash", &"22".repeat(32)),
            runtime("instance-id", &"33".repeat(20)),
            runtime("boot-mr-done", ""),
        ];
        assert_eq!(
            replay(&events).unwrap()[&3],
            "51e6737cc37085e270f04c1719caf0bb97a2d7e4396f570793ce9d61da7672cfeb07f01e154cb615295785002e931c47"
        );
        events.push(runtime("key-provider", &hex::encode(r#"{"name":"none","id":""}"#)));
        events.push(runtime("storage-fs", &hex::encode("ext4")));
        events.push(runtime("system-ready", ""));
        assert_eq!(
            replay(&events).unwrap()[&3],
            "296998af2d9339c537e7d10f98e0cfdecddfeb7e71dfa5bdc881fce5d1f9ea269b140e7bfaf07228d563c358292947a5"
        );
    }

    /// The reference's fixture, with the digests it gives.
    #[test]
    fn checks_given_digests() {
        let key_provider = hex::encode(
            r#"{"name":"kms","id":"3059301306072a8648ce3d020106082a8648ce3d0301070342000419b2457dd9b8aa6446d980f136fff7812ecd6c77740eeb0e28b10d56c0c00028a5b6e59dcea307d583bd1f70769e9c116df2bcfb1758a95d8613e7de1c8482c0"}"#,
        );
        let events: Vec<EventLog> = [
            (
                "system-preparing",
                "",
                "f9974020ef507068183313d0ca808e0d1ca9b2d1ad0c61f5784e7157c362c06536f5ddacdad4451693f48fcc72fff624",
            ),
            (
                "app-id",
                "ea549f02e1a25fabd1cb788380e033ec5461b2ff",
                "b01c7a2e6a406ae9cd5aa81451e4614e112b8f404df12e6ef506962c1a5279a94dc58da0923c4b7db89e26da9e538302",
            ),
            (
                "compose-hash",
                "ea549f02e1a25fabd1cb788380e033ec5461b2ffe4328d753642cf035452e48b",
                "9c1fecc259af1e8494484a391bdef460cb74d677c76dd114b1e9e7fac343da4e773b2b0eb8df7a6fc0dd8ba5edbb30e1",
            ),
            (
                "instance-id",
                "59df8036b824b0aac54f8998b9e1fb2a0cfc5d3a",
                "a8dc2d07060d74dfba7b4942411bcf93ae198da42d172860f0c6dcb9207198a2c857a4b0e57bb019d68be072074a2d01",
            ),
            (
                "boot-mr-done",
                "",
                "98bd7e6bd3952720b65027fd494834045d06b4a714bf737a06b874638b3ea00ff402f7f583e3e3b05e921c8570433ac6",
            ),
            (
                "key-provider",
                &key_provider,
                "cc0ae424f1335f3059359f712f72f0aebee7a01fba2e4d527f3ea9299bac808a3ea1f8ae2982875fb3c9697fd6f4a5f2",
            ),
            (
                "system-ready",
                "",
                "1a76b2a80a0be71eae59f80945d876351a7a3fb8e9fd1ff1cede5734aa84ea11fd72b4edfbb6f04e5a85edd114c751bd",
            ),
        ]
        .into_iter()
        .map(|(name, payload, digest)| EventLog {
            digest: digest.to_string(),
            ..runtime(name, payload)
        })
        .collect();
        assert_eq!(
            replay(&events).unwrap()[&3],
            "6d1a3da994b6611ee602f25f07b41671ece90cd2898689f1ad4448fdf1155e3668736cca4499659caae2d8044070de57"
        );
    }

    /// Events that an app emits; replay compares the digests.
    #[test]
    fn computes_digests_of_emitted_events() {
        for (name, payload, digest) in [
            (
                "test-event",
                hex::encode("test payload"),
                "abe9f116c7758a01f0436a6ae38edf31cd59e6681ab97fbc8be4d34945c723f4ccbfa112e4ca41bb7feafe124c86adc0",
            ),
            (
                "custom-event",
                "deadbeef".to_string(),
                "932d89c58e4b06531792f52cae148160c71aed5eef155b3294b2ca88e85b4b9b96753526c082a4cf90fd39ffe6ee2fd9",
            ),
        ] {
            let event = EventLog {
                digest: digest.to_string(),
                ..runtime(name, &payload)
            };
            replay(&[event]).unwrap();
        }
    }

    #[test]
    fn computes_digests_of_the_second_version() {
        let given = EventLog {
            version: Some(2),
            digest: "9dde1673f544faa94b921825209593ddde08d0baf9cd6990175dffaf3081f1bb10311d56de189491feb33842a050ad7b"
                .to_string(),
            preimage: Some(hex::encode(
                r#"{"name":"compose-hash","payload":"abcd","type":134217729}"#,
            )),
            ..runtime("compose-hash", "abcd")
        };
        let derived = EventLog {
            digest: String::new(),
            preimage: None,
            ..given.clone()
        };
        assert_eq!(
            replay(core::slice::from_ref(&given)).unwrap(),
            replay(&[derived]).unwrap()
        );
        let other = EventLog {
            preimage: Some(hex::encode(
                r#"{"name":"compose-hash","payload":"abcd","type":134217730}"#,
            )),
            ..given
        };
        assert!(replay(&[other]).is_err());
    }

    #[test]
    fn pads_short_digests_and_leaves_other_registers() {
        let padded = boot(&["ab", &"00".repeat(47)].concat());
        let registers = replay(&[boot("ab")]).unwrap();
        assert_eq!(registers, replay(&[padded]).unwrap());
        assert_eq!(registers[&1], "0".repeat(96));
        let elsewhere = EventLog { imr: 300, ..boot("ab") };
        assert_eq!(replay(&[elsewhere]).unwrap(), replay(&[]).unwrap());
    }

    #[test]
    fn refuses_bad_events() {
        for event in [
            boot("abx"),
            boot("abc"),
            runtime("a", "0"),
            EventLog {
                digest: "ab".repeat(48),
                ..runtime("a", "00")
            },
            EventLog {
                version: Some(3),
                ..runtime("a", "00")
            },
            EventLog {
                version: Some(0),
                ..runtime("a", "00")
            },
            EventLog {
                preimage: Some("xy".to_string()),
                ..runtime("a", "00")
            },
        ] {
            assert!(replay(&[event]).is_err());
        }
    }
}
