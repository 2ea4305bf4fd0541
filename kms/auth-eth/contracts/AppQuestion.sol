// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IAppAuth} from "./IAppAuth.sol";

/// @title Asking a contract that may be anybody's
/// @notice An app's contract is code of strangers: it may revert, burn its gas, or answer nonsense of any length. All of that is
/// "no" here, within bounds, and never a revert of the one who asks.
library AppQuestion {
    /// @dev Gas an app's contract may use; what is left stays for the asker.
    uint256 internal constant MAX_GAS = 10_000_000;
    /// @dev Longest answer that is looked at: the head and a reason of 4 KiB.
    uint256 internal constant MAX_ANSWER = 96 + 4096;
    string internal constant FAILED = "App authorization call failed";

    /// @notice Asks `app` about `bootInfo`.
    /// @return isAllowed the app's verdict; false when there is none
    /// @return reason the app's own words, or that the call failed
    function ask(address app, IAppAuth.AppBootInfo calldata bootInfo)
        internal
        view
        returns (bool isAllowed, string memory reason)
    {
        (bool answered, bytes memory answer) = _call(app, abi.encodeCall(IAppAuth.isAppAllowed, (bootInfo)));
        if (!answered || !_isVerdict(answer)) return (false, FAILED);
        return abi.decode(answer, (bool, string));
    }

    /// @dev A high-level call would copy whatever comes back before its length is known.
    function _call(address app, bytes memory question) private view returns (bool answered, bytes memory answer) {
        uint256 length;
        assembly ("memory-safe") {
            answered := staticcall(MAX_GAS, app, add(question, 0x20), mload(question), 0, 0)
            length := returndatasize()
        }
        if (!answered || length > MAX_ANSWER) return (false, "");
        answer = new bytes(length);
        assembly ("memory-safe") {
            returndatacopy(add(answer, 0x20), 0, length)
        }
    }

    /// @dev Exactly what abi.decode() would revert on is refused first: a flag other than 0 and 1, text outside of the answer.
    function _isVerdict(bytes memory answer) private pure returns (bool) {
        uint256 size = answer.length;
        if (size < 96) return false;
        uint256 flag = _word(answer, 0);
        uint256 offset = _word(answer, 32);
        if (flag > 1 || offset % 32 != 0 || offset < 64 || offset > size - 32) return false;
        uint256 length = _word(answer, offset);
        return length <= size - 32 - offset;
    }

    function _word(bytes memory data, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), offset))
        }
    }
}
