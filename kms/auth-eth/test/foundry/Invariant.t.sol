// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {DstackApp} from "contracts/DstackApp.sol";
import {DstackKms} from "contracts/DstackKms.sol";
import {IAppAuth} from "contracts/IAppAuth.sol";
import {Fixture} from "./support/Fixture.sol";

/// @notice A crowd that calls anything with anything, except as the owners.
contract Crowd is Fixture {
    constructor(DstackKms kms_, DstackApp app_, address kmsImplementation_, address appImplementation_) {
        kms = kms_;
        app = app_;
        kmsImplementation = kmsImplementation_;
        appImplementation = appImplementation_;
    }

    function setUp() public override {}

    function changeKms(address caller, uint8 what, bytes32 value) external {
        if (caller == OWNER) return;
        bytes[10] memory calls = [
            abi.encodeCall(kms.addOsImageHash, (value)),
            abi.encodeCall(kms.addKmsDevice, (value)),
            abi.encodeCall(kms.addKmsAggregatedMr, (value)),
            abi.encodeCall(kms.removeOsImageHash, (IMAGE)),
            abi.encodeCall(kms.setGatewayAppId, ("any")),
            abi.encodeCall(kms.setAppImplementation, (caller)),
            abi.encodeCall(kms.transferOwnership, (caller)),
            abi.encodeCall(kms.acceptOwnership, ()),
            abi.encodeCall(kms.upgradeToAndCall, (appImplementation, "")),
            abi.encodeCall(kms.initialize, (caller, caller))
        ];
        vm.prank(caller);
        (bool done,) = address(kms).call(calls[what % calls.length]);
        vm.assertFalse(done);
    }

    function changeApp(address caller, uint8 what, bytes32 value) external {
        if (caller == APP_OWNER) return;
        bytes[9] memory calls = [
            abi.encodeCall(app.addComposeHash, (value)),
            abi.encodeCall(app.addDevice, (value)),
            abi.encodeCall(app.removeComposeHash, (COMPOSE)),
            abi.encodeCall(app.setAllowAnyDevice, (true)),
            abi.encodeCall(app.setRequireTcbUpToDate, (true)),
            abi.encodeCall(app.disableUpgrades, ()),
            abi.encodeCall(app.transferOwnership, (caller)),
            abi.encodeCall(app.acceptOwnership, ()),
            abi.encodeCall(app.upgradeToAndCall, (kmsImplementation, ""))
        ];
        vm.prank(caller);
        (bool done,) = address(app).call(calls[what % calls.length]);
        vm.assertFalse(done);
    }

    function register(address caller, address appId) external {
        if (appId == address(0)) return;
        vm.prank(caller);
        kms.registerApp(appId);
    }

    function deploy(address caller, address owner, bool first, bool second, bool third, bytes32 device, bytes32 compose) external {
        if (owner == address(0)) return;
        vm.prank(caller);
        kms.deployAndRegisterApp(owner, first, second, third, device, compose);
    }
}

/// @notice Whatever strangers do, what the owners decided stands.
contract InvariantTest is Fixture {
    Crowd private crowd;

    function setUp() public override {
        super.setUp();
        vm.prank(OWNER);
        kms.addOsImageHash(IMAGE);
        crowd = new Crowd(kms, app, kmsImplementation, appImplementation);
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(crowd);
    }

    function invariant_ownersStay() public view {
        vm.assertEq(kms.owner(), OWNER);
        vm.assertEq(kms.pendingOwner(), address(0));
        vm.assertEq(app.owner(), APP_OWNER);
        vm.assertEq(app.pendingOwner(), address(0));
    }

    function invariant_implementationsStay() public view {
        vm.assertEq(implementationOf(address(kms)), kmsImplementation);
        vm.assertEq(implementationOf(address(app)), appImplementation);
        vm.assertEq(kms.appImplementation(), appImplementation);
    }

    function invariant_verdictsStay() public view {
        IAppAuth.AppBootInfo memory info = bootInfo();
        assertAppVerdict(kms, info, true, "");
        info.deviceId = bytes32(uint256(0xbad));
        assertAppVerdict(kms, info, false, "Device not allowed");
        info.composeHash = bytes32(uint256(0xbad));
        assertAppVerdict(kms, info, false, "Compose hash not allowed");
        info.osImageHash = bytes32(uint256(0xbad));
        assertAppVerdict(kms, info, false, "OS image is not allowed");
        vm.assertEq(kms.gatewayAppId(), "");
    }
}
