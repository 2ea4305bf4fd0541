// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";

/// @notice State and layout of a DstackKms of version 0.5.5: one-step ownership, no policy events.
contract LegacyKms is OwnableUpgradeable, UUPSUpgradeable {
    struct KmsInfo {
        bytes k256Pubkey;
        bytes caPubkey;
        bytes quote;
        bytes eventlog;
    }

    KmsInfo public kmsInfo; // slots 0 to 3
    string public gatewayAppId; // 4
    mapping(address => bool) public registeredApps; // 5
    mapping(bytes32 => bool) public kmsAllowedAggregatedMrs; // 6
    mapping(bytes32 => bool) public kmsAllowedDeviceIds; // 7
    mapping(bytes32 => bool) public allowedOsImages; // 8
    address public appImplementation; // 9
    uint256[50] private __gap;

    function initialize(address owner, address implementation) external initializer {
        __Ownable_init(owner);
        appImplementation = implementation;
    }

    function fill(KmsInfo calldata info, string calldata gateway, address appId, bytes32 mr, bytes32 device, bytes32 image)
        external
        onlyOwner
    {
        kmsInfo = info;
        gatewayAppId = gateway;
        registeredApps[appId] = true;
        kmsAllowedAggregatedMrs[mr] = true;
        kmsAllowedDeviceIds[device] = true;
        allowedOsImages[image] = true;
    }

    function _authorizeUpgrade(address) internal view override onlyOwner {}
}

/// @notice State and layout of a DstackApp of version 0.5.5.
contract LegacyApp is OwnableUpgradeable, UUPSUpgradeable {
    mapping(bytes32 => bool) public allowedComposeHashes; // slot 0
    bool private _upgradesDisabled; // 1, byte 0
    bool public allowAnyDevice; // 1, byte 1
    mapping(bytes32 => bool) public allowedDeviceIds; // 2
    uint256[50] private __gap;

    function initialize(address owner, bool disableUpgrades, bool anyDevice, bytes32 device, bytes32 compose)
        external
        initializer
    {
        __Ownable_init(owner);
        _upgradesDisabled = disableUpgrades;
        allowAnyDevice = anyDevice;
        allowedDeviceIds[device] = device != 0;
        allowedComposeHashes[compose] = compose != 0;
    }

    function _authorizeUpgrade(address) internal view override onlyOwner {
        require(!_upgradesDisabled, "Upgrades are permanently disabled");
    }
}
