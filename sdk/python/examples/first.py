"""Ask the agent who this app is, for a key that is the app's alone, and for a quote that proves both."""

import hashlib

from dstack_sdk import DstackClient


def main() -> None:
    """Print what the agent says."""
    with DstackClient() as client:
        info = client.info()
        print("app:", info.app_name, info.app_id)

        key = client.get_key("wallets/main", "ethereum")
        print("key: the same 32 bytes at every start,", len(key.decode_key()), "of them")

        statement = hashlib.sha256(b"what I want to have signed by the hardware").digest()
        quote = client.get_quote(statement)
        print("quote:", len(quote.decode_quote()), "bytes")
        print("RTMR3:", quote.replay_rtmrs()[3])


if __name__ == "__main__":
    main()
