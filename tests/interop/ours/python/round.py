"""One round with a Python SDK, ours or the published one: prints what README.md lists as JSON."""

import inspect
import json
import os
import sys
import warnings
from importlib.metadata import version

warnings.simplefilter("ignore")

import dstack_sdk  # noqa: E402
from dstack_sdk import DstackClient, TappdClient  # noqa: E402
from dstack_sdk.ethereum import to_account  # noqa: E402
from dstack_sdk.solana import to_keypair  # noqa: E402

TIMEOUT = 30


def fails(call, *arguments):
    try:
        call(*arguments)
    except Exception:
        return True
    return False


def chain(answer):
    return [signature.hex() for signature in answer.decode_signature_chain()]


def registers(quote):
    return [quote[offset : offset + 48].hex() for offset in (376, 424, 472, 520)]


def info(client):
    answer = client.info()
    names = (
        "app_id instance_id app_name device_id mr_aggregated os_image_hash compose_hash key_provider_info vm_config"
    ).split()
    values = {f"info.{name}": getattr(answer, name) for name in names}
    tcb_names = ("mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3", "app_compose")
    return values | {f"info.{name}": getattr(answer.tcb_info, name) for name in tcb_names}


def keys(client):
    wallet, signing = client.get_key("test/wallet", "ethereum"), client.get_key("test/signing", "solana")
    ed25519 = client.get_key("/", "test", "ed25519")
    return {
        "key.default": client.get_key().decode_key().hex(),
        "key.wallet": wallet.decode_key().hex(),
        "key.wallet.chain": chain(wallet),
        "key.signing": signing.decode_key().hex(),
        "key.signing.chain": chain(signing),
        "key.alice": client.get_key("user/alice", "mainnet").decode_key().hex(),
        "key.ed25519": ed25519.decode_key().hex(),
        "key.ed25519.chain": chain(ed25519),
        "ethereum.address": to_account(client.get_key("eth/test", "wallet")).address.lower(),
        "solana.public_key": bytes(to_keypair(client.get_key("sol/test", "wallet")).pubkey()).hex(),
    }


def tls(client):
    arguments = ("interop.example", ["a.interop.example", "b.interop.example"])
    first, second = client.get_tls_key(*arguments), client.get_tls_key(*arguments)
    return {
        "tls.pem": first.key.startswith("-----BEGIN PRIVATE KEY-----"),
        "tls.chain_length": len(first.certificate_chain),
        "tls.fresh": first.key != second.key,
    }


def quote(client):
    answer = client.get_quote(b"interop")
    raw = answer.decode_quote()
    return {
        "quote.report_data": raw[568:632].hex(),
        "quote.rtmrs": registers(raw),
        "quote.replayed": [answer.replay_rtmrs()[index] for index in range(4)],
        "quote.events": [entry.event for entry in answer.decode_event_log()],
        "quote.vm_config": answer.vm_config,
        "quote.refuses_65": fails(client.get_quote, bytes(65)),
    }


def event(client):
    client.emit_event("test-event", "test payload")
    answer = client.get_quote(b"interop")
    last = answer.decode_event_log()[-1]
    replayed = answer.replay_rtmrs()[3]
    return {
        "event.last": {"event": last.event, "event_payload": last.event_payload, "digest": last.digest},
        "event.replayed": replayed,
        "event.matches": replayed == registers(answer.decode_quote())[3],
        "event.refuses_empty": fails(client.emit_event, "", "x"),
    }


def tappd():
    client = TappdClient(timeout=TIMEOUT)
    raw = client.tdx_quote(bytes(range(64)), "raw").decode_quote()
    hashed = client.tdx_quote("test", "sha256").decode_quote()
    return {
        "tappd.scalar": client.derive_key("/").as_uint8array()[36:68].hex(),
        "tappd.raw_report_data": raw[568:632].hex(),
        "tappd.sha256_report_data": hashed[568:632].hex(),
        "tappd.app_id": client.info().app_id,
    }


def compose(inputs):
    return {
        f"compose.{entry['name']}": dstack_sdk.get_compose_hash(entry["compose"], entry["normalize"])
        for entry in inputs["compose"]
    }


def env(inputs):
    verify = getattr(dstack_sdk, "verify_env_encrypt_public_key_legacy", dstack_sdk.verify_env_encrypt_public_key)
    signed = inputs["env_signer"]
    public_key, signature = bytes.fromhex(signed["public_key"]), bytes.fromhex(signed["signature"])
    variables = [dstack_sdk.EnvVar(**variable) for variable in inputs["env"]["variables"]]
    return {
        "env.encrypted": dstack_sdk.encrypt_env_vars_sync(variables, inputs["env"]["public_key"]),
        "env.signer": verify(public_key, signature, signed["app_id"]),
        "env.signer_invalid": verify(public_key, bytes(65), signed["app_id"]) is None,
    }


def sign(client):
    data = b"test message"
    ed25519, secp256k1 = client.sign("ed25519", data), client.sign("secp256k1", data)
    signature, public_key = ed25519.decode_signature(), ed25519.decode_public_key()
    return {
        "sign.ed25519": signature.hex(),
        "sign.ed25519.public_key": public_key.hex(),
        "sign.secp256k1": secp256k1.decode_signature().hex(),
        "sign.secp256k1.public_key": secp256k1.decode_public_key().hex(),
        "sign.verified": client.verify("ed25519", data, signature, public_key).valid,
        "sign.verified_other": client.verify("ed25519", b"other message", signature, public_key).valid,
    }


def error_names_cause(client):
    try:
        client.get_key("", "", "no-such-algorithm")
    except Exception as error:
        return "algorithm" in str(error)
    return False


def newer(client):
    return {
        "version.version": client.version().version,
        "attest.length_over_0": len(client.attest(b"interop").decode_attestation()) > 0,
        "gpu_info": client.gpu_info().attestation if hasattr(client, "gpu_info") else None,
        "error.names_cause": error_names_cause(client),
    }


def main():
    with open(os.environ["INTEROP_INPUTS"], encoding="utf-8") as file:
        inputs = json.load(file)
    client = DstackClient(timeout=TIMEOUT)
    assert not inspect.iscoroutinefunction(client.info)
    values = {"sdk": f"dstack-sdk {version('dstack-sdk')} (Python)"}
    for part in (info, keys, tls, quote, event, sign, newer):
        values |= part(client)
    json.dump(values | tappd() | compose(inputs) | env(inputs), sys.stdout)


main()
