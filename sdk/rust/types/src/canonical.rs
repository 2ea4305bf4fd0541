//! Canonical JSON, the one form whose hash all dstack SDKs agree on: members sorted by code point, no white space, minimal
//! escapes, numbers as ECMAScript prints them.

use alloc::{format, string::String, vec::Vec};
use anyhow::{bail, Result};
use serde_json::{Map, Number, Value};

const MAX_DEPTH: usize = 128;
/// The largest integer that every JSON implementation holds exactly.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Prints `value`. Integers beyond 2^53 - 1 are an error, as is what is nested deeper than 128 levels.
pub fn to_string(value: &Value) -> Result<String> {
    let mut out = String::new();
    push_value(&mut out, value, MAX_DEPTH)?;
    Ok(out)
}

fn push_value(out: &mut String, value: &Value, depth: usize) -> Result<()> {
    if depth == 0 {
        bail!("nested deeper than {MAX_DEPTH} levels");
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => push_number(out, number)?,
        Value::String(text) => push_string(out, text),
        Value::Array(items) => push_array(out, items, depth - 1)?,
        Value::Object(members) => push_object(out, members, depth - 1)?,
    }
    Ok(())
}

fn push_array(out: &mut String, items: &[Value], depth: usize) -> Result<()> {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_value(out, item, depth)?;
    }
    out.push(']');
    Ok(())
}

fn push_object(out: &mut String, members: &Map<String, Value>, depth: usize) -> Result<()> {
    // A map may keep the order of insertion. Strings compare by code point.
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    out.push('{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_string(out, name);
        out.push(':');
        push_value(out, value, depth)?;
    }
    out.push('}');
    Ok(())
}

/// Appends `text` in quotes, with the escapes that JSON demands and no others.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
}

fn push_number(out: &mut String, number: &Number) -> Result<()> {
    if let Some(integer) = number.as_i64() {
        check_integer(integer.unsigned_abs(), number)?;
        out.push_str(&format!("{integer}"));
    } else if let Some(integer) = number.as_u64() {
        check_integer(integer, number)?;
        out.push_str(&format!("{integer}"));
    } else if let Some(float) = number.as_f64() {
        push_float(out, float);
    } else {
        bail!("number {number} is out of range");
    }
    Ok(())
}

fn check_integer(magnitude: u64, number: &Number) -> Result<()> {
    if magnitude > MAX_SAFE_INTEGER {
        bail!("integer {number} cannot be held exactly");
    }
    Ok(())
}

fn push_float(out: &mut String, float: f64) {
    if !float.is_finite() {
        return out.push_str("null");
    }
    if float == 0.0 {
        return out.push('0');
    }
    let magnitude = float.abs();
    if (1e-6..1e21).contains(&magnitude) {
        return out.push_str(&format!("{float}"));
    }
    let text = format!("{float:e}");
    // ECMAScript writes the exponent's sign always.
    out.push_str(&if magnitude >= 1.0 {
        text.replace('e', "e+")
    } else {
        text
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn canonical(text: &str) -> Result<String> {
        to_string(&serde_json::from_str(text)?)
    }

    #[test]
    fn prints_numbers_like_ecmascript() {
        for (given, expected) in [
            (
                "[1.0,-0.0,-0,1e21,1e20,1e-6,1e-7,0.1,-2.5e-8]",
                "[1,0,0,1e+21,100000000000000000000,0.000001,1e-7,0.1,-2.5e-8]",
            ),
            (
                "[5e-324,1.7976931348623157e308,9007199254740991,-9007199254740991]",
                "[5e-324,1.7976931348623157e+308,9007199254740991,-9007199254740991]",
            ),
        ] {
            assert_eq!(canonical(given).unwrap(), expected);
        }
    }

    #[test]
    fn prints_strings_with_few_escapes() {
        let given = r#""\b\f\n\r\t\u0000\u001f\"\\\/<>&\u007f\u2028\ud83d\ude80""#;
        let expected = "\"\\b\\f\\n\\r\\t\\u0000\\u001f\\\"\\\\/<>&\u{7f}\u{2028}\u{1F680}\"";
        assert_eq!(canonical(given).unwrap(), expected);
    }

    #[test]
    fn sorts_members_by_code_point() {
        let given = "{\"é\":1,\"z\":{\"b\":[],\"a\":{}},\"10\":null,\"9\":true,\"\u{1F680}\":2,\"\u{ffff}\":3}";
        let expected = "{\"10\":null,\"9\":true,\"z\":{\"a\":{},\"b\":[]},\"é\":1,\"\u{ffff}\":3,\"\u{1F680}\":2}";
        assert_eq!(canonical(given).unwrap(), expected);
    }

    #[test]
    fn refuses_what_it_cannot_hold() {
        let mut deep = Value::Null;
        for _ in 0..MAX_DEPTH {
            deep = Value::Array(alloc::vec![deep]);
        }
        assert!(to_string(&deep).unwrap_err().to_string().contains("nested"));
        assert!(canonical("9007199254740992").is_err());
        assert!(canonical("-9007199254740992").is_err());
        assert!(canonical("18446744073709551615").is_err());
    }
}
