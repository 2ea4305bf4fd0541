// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

/// @title Lists of code and devices that tools can manage on any app contract
/// @notice Each call emits its event when it succeeds and reverts for whoever may not make it.
interface IAppAuthBasicManagement is IERC165 {
    /// @notice A compose file may be run from now on.
    event ComposeHashAdded(bytes32 composeHash);
    /// @notice A compose file may no longer be run. What runs already is not stopped.
    event ComposeHashRemoved(bytes32 composeHash);
    /// @notice A device may run the app from now on.
    event DeviceAdded(bytes32 deviceId);
    /// @notice A device may no longer run the app. What runs already is not stopped.
    event DeviceRemoved(bytes32 deviceId);

    /// @notice Allows a compose file.
    /// @param composeHash SHA-256 of it
    function addComposeHash(bytes32 composeHash) external;

    /// @notice Withdraws a compose file.
    /// @param composeHash SHA-256 of it
    function removeComposeHash(bytes32 composeHash) external;

    /// @notice Allows a device.
    /// @param deviceId SHA-256 of the processor's identity
    function addDevice(bytes32 deviceId) external;

    /// @notice Withdraws a device.
    /// @param deviceId SHA-256 of the processor's identity
    function removeDevice(bytes32 deviceId) external;
}
