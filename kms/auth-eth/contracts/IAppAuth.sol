// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

/// @title The question a KMS asks before it releases keys
/// @notice Whoever governs an app answers it from a contract of its own; the app's id is that contract's address.
interface IAppAuth is IERC165 {
    /// @notice What a quote proved about the virtual machine that asks for keys.
    /// @param appId the app's contract
    /// @param composeHash SHA-256 of the app's compose file
    /// @param instanceId the instance: 20 bytes that are no account
    /// @param deviceId SHA-256 of the processor's identity
    /// @param mrAggregated digest over all measurements
    /// @param mrSystem digest over the measurements of the system without the app
    /// @param osImageHash digest of the guest image
    /// @param tcbStatus state of the platform's firmware, "UpToDate" when nothing is known against it
    /// @param advisoryIds security advisories that apply to the platform
    struct AppBootInfo {
        address appId;
        bytes32 composeHash;
        address instanceId;
        bytes32 deviceId;
        bytes32 mrAggregated;
        bytes32 mrSystem;
        bytes32 osImageHash;
        string tcbStatus;
        string[] advisoryIds;
    }

    /// @notice Whether a virtual machine may have the app's keys.
    /// @param bootInfo what was proven about it
    /// @return isAllowed true only when everything that is asked for holds
    /// @return reason why not, for people; empty when allowed
    function isAppAllowed(AppBootInfo calldata bootInfo) external view returns (bool isAllowed, string memory reason);
}
