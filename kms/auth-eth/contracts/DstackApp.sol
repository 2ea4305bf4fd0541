// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {ERC165Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/introspection/ERC165Upgradeable.sol";
import {Governed} from "./Governed.sol";
import {IAppAuth} from "./IAppAuth.sol";
import {IAppAuthBasicManagement} from "./IAppAuthBasicManagement.sol";

/// @title Which code, on which devices, may have one app's keys
/// @notice The address of its proxy is the app's id. Nothing is allowed until the owner allows it.
contract DstackApp is Governed, IAppAuth, IAppAuthBasicManagement {
    /// @notice Compose files that may run, by SHA-256.
    mapping(bytes32 composeHash => bool allowed) public allowedComposeHashes;

    bool private _upgradesDisabled;

    /// @notice True: the list of devices is not looked at.
    bool public allowAnyDevice;

    /// @notice Devices that may run the app, by SHA-256 of their identity.
    mapping(bytes32 deviceId => bool allowed) public allowedDeviceIds;

    /// @notice True: platforms with known weaknesses in their firmware get no keys.
    bool public requireTcbUpToDate;

    uint256[49] private __gap;

    bytes32 private constant POLICY_COMPOSE_HASH = keccak256("compose-hash");
    bytes32 private constant POLICY_DEVICE = keccak256("device");
    bytes32 private constant POLICY_ALLOW_ANY_DEVICE = keccak256("allow-any-device");
    bytes32 private constant POLICY_REQUIRE_TCB_UP_TO_DATE = keccak256("require-tcb-up-to-date");
    bytes32 private constant POLICY_UPGRADES_DISABLED = keccak256("upgrades-disabled");

    /// @notice Any device may, or only those of the list.
    event AllowAnyDeviceSet(bool allowAny);
    /// @notice The firmware's state counts, or does not.
    event RequireTcbUpToDateSet(bool requireUpToDate);
    /// @notice The implementation can never be replaced again.
    event UpgradesDisabled();

    /// @notice Sets up an app for which the state of the platform's firmware does not count.
    /// @param initialOwner who governs the app
    /// @param disableUpgrades_ true: this implementation stays for ever
    /// @param allowAnyDevice_ true: any device may run the app
    /// @param initialDeviceId a device to allow, or 0
    /// @param initialComposeHash a compose file to allow, or 0
    function initialize(
        address initialOwner,
        bool disableUpgrades_,
        bool allowAnyDevice_,
        bytes32 initialDeviceId,
        bytes32 initialComposeHash
    ) external initializer {
        _setUp(initialOwner, disableUpgrades_, false, allowAnyDevice_, initialDeviceId, initialComposeHash);
    }

    /// @notice Sets up an app.
    /// @param initialOwner who governs the app
    /// @param disableUpgrades_ true: this implementation stays for ever
    /// @param requireTcbUpToDate_ true: only platforms whose status is "UpToDate"
    /// @param allowAnyDevice_ true: any device may run the app
    /// @param initialDeviceId a device to allow, or 0
    /// @param initialComposeHash a compose file to allow, or 0
    function initialize(
        address initialOwner,
        bool disableUpgrades_,
        bool requireTcbUpToDate_,
        bool allowAnyDevice_,
        bytes32 initialDeviceId,
        bytes32 initialComposeHash
    ) external initializer {
        _setUp(initialOwner, disableUpgrades_, requireTcbUpToDate_, allowAnyDevice_, initialDeviceId, initialComposeHash);
    }

    function _setUp(
        address initialOwner,
        bool disableUpgrades_,
        bool requireTcbUpToDate_,
        bool allowAnyDevice_,
        bytes32 initialDeviceId,
        bytes32 initialComposeHash
    ) private {
        require(initialOwner != address(0), "invalid owner address");
        if (initialDeviceId != 0) _setDevice(initialDeviceId, true);
        if (initialComposeHash != 0) _setComposeHash(initialComposeHash, true);
        if (allowAnyDevice_) _setAllowAnyDevice(true);
        if (requireTcbUpToDate_) _setRequireTcbUpToDate(true);
        if (disableUpgrades_) _disableUpgrades();
        __Ownable_init(initialOwner);
    }

    /// @notice 2: the state of the platform's firmware can be asked for.
    function version() external pure returns (uint256) {
        return 2;
    }

    /// @inheritdoc IAppAuth
    /// @dev The first check that fails is the reason. The image is the KMS contract's matter.
    function isAppAllowed(AppBootInfo calldata bootInfo) external view returns (bool isAllowed, string memory reason) {
        if (requireTcbUpToDate && !_isUpToDate(bootInfo.tcbStatus)) return (false, "TCB status is not up to date");
        if (!allowedComposeHashes[bootInfo.composeHash]) return (false, "Compose hash not allowed");
        if (!allowAnyDevice && !allowedDeviceIds[bootInfo.deviceId]) return (false, "Device not allowed");
        return (true, "");
    }

    /// @inheritdoc IAppAuthBasicManagement
    function addComposeHash(bytes32 composeHash) external onlyOwner {
        _setComposeHash(composeHash, true);
    }

    /// @inheritdoc IAppAuthBasicManagement
    function removeComposeHash(bytes32 composeHash) external onlyOwner {
        _setComposeHash(composeHash, false);
    }

    /// @inheritdoc IAppAuthBasicManagement
    function addDevice(bytes32 deviceId) external onlyOwner {
        _setDevice(deviceId, true);
    }

    /// @inheritdoc IAppAuthBasicManagement
    function removeDevice(bytes32 deviceId) external onlyOwner {
        _setDevice(deviceId, false);
    }

    /// @notice Opens the app to all devices, or to those of the list only.
    /// @param allowAny true: all
    function setAllowAnyDevice(bool allowAny) external onlyOwner {
        _setAllowAnyDevice(allowAny);
    }

    /// @notice Lets the state of the platform's firmware count, or not.
    /// @param requireUpToDate true: only platforms whose status is "UpToDate"
    function setRequireTcbUpToDate(bool requireUpToDate) external onlyOwner {
        _setRequireTcbUpToDate(requireUpToDate);
    }

    /// @notice Keeps this implementation for ever. There is no way back.
    function disableUpgrades() external onlyOwner {
        _disableUpgrades();
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC165Upgradeable, IERC165) returns (bool) {
        return interfaceId == type(IAppAuth).interfaceId || interfaceId == type(IAppAuthBasicManagement).interfaceId
            || super.supportsInterface(interfaceId);
    }

    /// @dev The owner is asked for before the flag, so that a stranger learns nothing new.
    function _authorizeUpgrade(address newImplementation) internal override {
        super._authorizeUpgrade(newImplementation);
        require(!_upgradesDisabled, "Upgrades are permanently disabled");
    }

    function _setComposeHash(bytes32 composeHash, bool allowed) private {
        allowedComposeHashes[composeHash] = allowed;
        if (allowed) emit ComposeHashAdded(composeHash);
        else emit ComposeHashRemoved(composeHash);
        _tellPolicy(POLICY_COMPOSE_HASH, composeHash, allowed);
    }

    function _setDevice(bytes32 deviceId, bool allowed) private {
        allowedDeviceIds[deviceId] = allowed;
        if (allowed) emit DeviceAdded(deviceId);
        else emit DeviceRemoved(deviceId);
        _tellPolicy(POLICY_DEVICE, deviceId, allowed);
    }

    function _setAllowAnyDevice(bool allowAny) private {
        allowAnyDevice = allowAny;
        emit AllowAnyDeviceSet(allowAny);
        _tellPolicy(POLICY_ALLOW_ANY_DEVICE, 0, allowAny);
    }

    function _setRequireTcbUpToDate(bool requireUpToDate) private {
        requireTcbUpToDate = requireUpToDate;
        emit RequireTcbUpToDateSet(requireUpToDate);
        _tellPolicy(POLICY_REQUIRE_TCB_UP_TO_DATE, 0, requireUpToDate);
    }

    function _disableUpgrades() private {
        _upgradesDisabled = true;
        emit UpgradesDisabled();
        _tellPolicy(POLICY_UPGRADES_DISABLED, 0, true);
    }
}
