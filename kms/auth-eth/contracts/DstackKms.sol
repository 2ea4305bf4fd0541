// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ERC165Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/introspection/ERC165Upgradeable.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {AppQuestion} from "./AppQuestion.sol";
import {Governed} from "./Governed.sol";
import {IAppAuth} from "./IAppAuth.sol";

/// @title What a cluster of KMS instances shares
/// @notice The owner decides which guest images any app may run and which KMS instances may hold the root keys. Whether an app's
/// keys are released is for that app's own contract to say: registering one is free for all and gives no right by itself.
contract DstackKms is Governed, IAppAuth {
    /// @notice What is public about the KMS.
    /// @param k256Pubkey compressed secp256k1 root key, 33 bytes
    /// @param caPubkey P-256 root key of certificates as SPKI, 91 bytes
    /// @param quote evidence that both keys were made inside of a TEE
    /// @param eventlog event log that belongs to the quote
    struct KmsInfo {
        bytes k256Pubkey;
        bytes caPubkey;
        bytes quote;
        bytes eventlog;
    }

    /// @notice What is public about the KMS.
    KmsInfo public kmsInfo;
    /// @notice Id of the gateway's app: guests accept no other gateway.
    string public gatewayAppId;
    /// @notice Contracts that are asked about their app.
    mapping(address appId => bool registered) public registeredApps;
    /// @notice KMS builds that may hold the root keys, by aggregated measurement.
    mapping(bytes32 mrAggregated => bool allowed) public kmsAllowedAggregatedMrs;
    /// @notice Devices that may run a KMS.
    mapping(bytes32 deviceId => bool allowed) public kmsAllowedDeviceIds;
    /// @notice Guest images that KMS and apps may run.
    mapping(bytes32 osImageHash => bool allowed) public allowedOsImages;
    /// @notice Implementation behind the apps that are made here.
    address public appImplementation;

    uint256[50] private __gap;

    bytes32 private constant POLICY_KMS_INFO = keccak256("kms-info");
    bytes32 private constant POLICY_GATEWAY_APP_ID = keccak256("gateway-app-id");
    bytes32 private constant POLICY_REGISTERED_APP = keccak256("registered-app");
    bytes32 private constant POLICY_KMS_AGGREGATED_MR = keccak256("kms-aggregated-mr");
    bytes32 private constant POLICY_KMS_DEVICE = keccak256("kms-device");
    bytes32 private constant POLICY_OS_IMAGE = keccak256("os-image");
    bytes32 private constant POLICY_APP_IMPLEMENTATION = keccak256("app-implementation");

    /// @notice An app's contract is asked from now on.
    event AppRegistered(address appId);
    /// @notice An app's contract was made here.
    event AppDeployedViaFactory(address indexed appId, address indexed deployer);
    /// @notice The public keys and evidence of the KMS were replaced.
    event KmsInfoSet(bytes k256Pubkey);
    /// @notice A KMS build may hold the root keys from now on.
    event KmsAggregatedMrAdded(bytes32 mrAggregated);
    /// @notice A KMS build may no longer be given the root keys.
    event KmsAggregatedMrRemoved(bytes32 mrAggregated);
    /// @notice A device may run a KMS from now on.
    event KmsDeviceAdded(bytes32 deviceId);
    /// @notice A device may no longer run a KMS.
    event KmsDeviceRemoved(bytes32 deviceId);
    /// @notice A guest image may be run from now on.
    event OsImageHashAdded(bytes32 osImageHash);
    /// @notice A guest image may no longer be run.
    event OsImageHashRemoved(bytes32 osImageHash);
    /// @notice Guests accept the gateway of this app.
    event GatewayAppIdSet(string gatewayAppId);
    /// @notice Apps are made with this implementation.
    event AppImplementationSet(address implementation);

    /// @notice Sets the contract up, once.
    /// @param initialOwner who governs the cluster
    /// @param appImplementation_ implementation of DstackApp for the factory, or 0 for none yet
    function initialize(address initialOwner, address appImplementation_) external initializer {
        __Ownable_init(initialOwner);
        if (appImplementation_ != address(0)) _setAppImplementation(appImplementation_);
    }

    /// @notice Whether a KMS instance may hold the root keys.
    /// @dev The first check that fails is the reason. There is no "any device" here.
    /// @param bootInfo what was proven about it
    /// @return isAllowed true only when everything holds
    /// @return reason why not; empty when allowed
    function isKmsAllowed(AppBootInfo calldata bootInfo) external view returns (bool isAllowed, string memory reason) {
        if (!_isUpToDate(bootInfo.tcbStatus)) return (false, "TCB status is not up to date");
        if (!allowedOsImages[bootInfo.osImageHash]) return (false, "OS image is not allowed");
        if (!kmsAllowedAggregatedMrs[bootInfo.mrAggregated]) return (false, "Aggregated MR not allowed");
        if (!kmsAllowedDeviceIds[bootInfo.deviceId]) return (false, "KMS is not allowed to boot on this device");
        return (true, "");
    }

    /// @inheritdoc IAppAuth
    /// @dev The app's contract has the last word; a call of it that fails in any way is a refusal.
    function isAppAllowed(AppBootInfo calldata bootInfo) external view returns (bool isAllowed, string memory reason) {
        if (!registeredApps[bootInfo.appId]) return (false, "App not registered");
        if (!allowedOsImages[bootInfo.osImageHash]) return (false, "OS image is not allowed");
        if (bootInfo.appId.code.length == 0) return (false, "App not deployed or invalid address");
        return AppQuestion.ask(bootInfo.appId, bootInfo);
    }

    /// @notice Has a contract asked about its app. Anyone may: it can only speak for itself.
    /// @param appId the contract
    function registerApp(address appId) external {
        require(appId != address(0), "Invalid app ID");
        _registerApp(appId);
    }

    /// @notice Makes an app's contract for which the state of the platform's firmware does not count, and registers it.
    /// @param initialOwner who governs the app
    /// @param disableUpgrades true: its implementation stays for ever
    /// @param allowAnyDevice true: any device may run the app
    /// @param initialDeviceId a device to allow, or 0
    /// @param initialComposeHash a compose file to allow, or 0
    /// @return appId the contract's address
    function deployAndRegisterApp(
        address initialOwner,
        bool disableUpgrades,
        bool allowAnyDevice,
        bytes32 initialDeviceId,
        bytes32 initialComposeHash
    ) external returns (address appId) {
        return deployAndRegisterApp(
            initialOwner, disableUpgrades, false, allowAnyDevice, initialDeviceId, initialComposeHash
        );
    }

    /// @notice Makes an app's contract and registers it.
    /// @param initialOwner who governs the app
    /// @param disableUpgrades true: its implementation stays for ever
    /// @param requireTcbUpToDate true: only platforms whose status is "UpToDate"
    /// @param allowAnyDevice true: any device may run the app
    /// @param initialDeviceId a device to allow, or 0
    /// @param initialComposeHash a compose file to allow, or 0
    /// @return appId the contract's address
    function deployAndRegisterApp(
        address initialOwner,
        bool disableUpgrades,
        bool requireTcbUpToDate,
        bool allowAnyDevice,
        bytes32 initialDeviceId,
        bytes32 initialComposeHash
    ) public returns (address appId) {
        require(appImplementation != address(0), "DstackApp implementation not set");
        require(initialOwner != address(0), "Invalid owner address");
        bytes memory setUp = abi.encodeWithSignature(
            "initialize(address,bool,bool,bool,bytes32,bytes32)",
            initialOwner,
            disableUpgrades,
            requireTcbUpToDate,
            allowAnyDevice,
            initialDeviceId,
            initialComposeHash
        );
        appId = address(new ERC1967Proxy(appImplementation, setUp));
        _registerApp(appId);
        emit AppDeployedViaFactory(appId, msg.sender);
    }

    /// @notice Publishes the keys and evidence of the KMS.
    /// @param info all four fields
    function setKmsInfo(KmsInfo calldata info) external onlyOwner {
        kmsInfo = info;
        emit KmsInfoSet(info.k256Pubkey);
        _tellPolicy(POLICY_KMS_INFO, keccak256(info.k256Pubkey), true);
    }

    /// @notice Replaces the quote alone.
    /// @param quote evidence for the keys published
    function setKmsQuote(bytes calldata quote) external onlyOwner {
        kmsInfo.quote = quote;
    }

    /// @notice Replaces the event log alone.
    /// @param eventlog the log that belongs to the quote
    function setKmsEventlog(bytes calldata eventlog) external onlyOwner {
        kmsInfo.eventlog = eventlog;
    }

    /// @notice Names the gateway that guests accept.
    /// @param appId its app id
    function setGatewayAppId(string calldata appId) external onlyOwner {
        gatewayAppId = appId;
        emit GatewayAppIdSet(appId);
        _tellPolicy(POLICY_GATEWAY_APP_ID, keccak256(bytes(appId)), true);
    }

    /// @notice Chooses the implementation of apps that are made from now on.
    /// @param implementation a DstackApp
    function setAppImplementation(address implementation) external onlyOwner {
        require(implementation != address(0), "Invalid implementation address");
        _setAppImplementation(implementation);
    }

    /// @notice Allows a KMS build.
    /// @param mrAggregated its aggregated measurement
    function addKmsAggregatedMr(bytes32 mrAggregated) external onlyOwner {
        kmsAllowedAggregatedMrs[mrAggregated] = true;
        emit KmsAggregatedMrAdded(mrAggregated);
        _tellPolicy(POLICY_KMS_AGGREGATED_MR, mrAggregated, true);
    }

    /// @notice Withdraws a KMS build.
    /// @param mrAggregated its aggregated measurement
    function removeKmsAggregatedMr(bytes32 mrAggregated) external onlyOwner {
        kmsAllowedAggregatedMrs[mrAggregated] = false;
        emit KmsAggregatedMrRemoved(mrAggregated);
        _tellPolicy(POLICY_KMS_AGGREGATED_MR, mrAggregated, false);
    }

    /// @notice Allows a device for KMS instances.
    /// @param deviceId SHA-256 of the processor's identity
    function addKmsDevice(bytes32 deviceId) external onlyOwner {
        kmsAllowedDeviceIds[deviceId] = true;
        emit KmsDeviceAdded(deviceId);
        _tellPolicy(POLICY_KMS_DEVICE, deviceId, true);
    }

    /// @notice Withdraws a device for KMS instances.
    /// @param deviceId SHA-256 of the processor's identity
    function removeKmsDevice(bytes32 deviceId) external onlyOwner {
        kmsAllowedDeviceIds[deviceId] = false;
        emit KmsDeviceRemoved(deviceId);
        _tellPolicy(POLICY_KMS_DEVICE, deviceId, false);
    }

    /// @notice Allows a guest image.
    /// @param osImageHash the image's digest
    function addOsImageHash(bytes32 osImageHash) external onlyOwner {
        allowedOsImages[osImageHash] = true;
        emit OsImageHashAdded(osImageHash);
        _tellPolicy(POLICY_OS_IMAGE, osImageHash, true);
    }

    /// @notice Withdraws a guest image.
    /// @param osImageHash the image's digest
    function removeOsImageHash(bytes32 osImageHash) external onlyOwner {
        allowedOsImages[osImageHash] = false;
        emit OsImageHashRemoved(osImageHash);
        _tellPolicy(POLICY_OS_IMAGE, osImageHash, false);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC165Upgradeable, IERC165) returns (bool) {
        return interfaceId == type(IAppAuth).interfaceId || super.supportsInterface(interfaceId);
    }

    function _registerApp(address appId) private {
        registeredApps[appId] = true;
        emit AppRegistered(appId);
        _tellPolicy(POLICY_REGISTERED_APP, _addressValue(appId), true);
    }

    function _setAppImplementation(address implementation) private {
        appImplementation = implementation;
        emit AppImplementationSet(implementation);
        _tellPolicy(POLICY_APP_IMPLEMENTATION, _addressValue(implementation), true);
    }
}
