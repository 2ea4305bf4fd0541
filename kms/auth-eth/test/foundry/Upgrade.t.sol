// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {DstackApp} from "contracts/DstackApp.sol";
import {DstackKms} from "contracts/DstackKms.sol";
import {IAppAuth} from "contracts/IAppAuth.sol";
import {Fixture} from "./support/Fixture.sol";
import {LegacyApp, LegacyKms} from "./support/Legacy.sol";

contract WrongUuid {
    function proxiableUUID() external pure returns (bytes32) {
        return keccak256("elsewhere");
    }
}

/// @notice A later version with one more function.
contract NextApp is DstackApp {
    uint256 public marker;

    function setMarker(uint256 value) external onlyOwner {
        marker = value;
    }
}

contract UpgradeTest is Fixture {
    bytes32 private constant OWNER_SLOT = 0x9016d09d72d40fdae2fd8ceac6b6234c7706214fd39c1cd1e609a0528c199300;
    bytes32 private constant PENDING_OWNER_SLOT = 0x237e158222e3e6968b72b9db0d8043aacf074ad9f650f0d1606b4d82ee432c00;

    function legacyApp(bool disableUpgrades, bool anyDevice) private returns (address) {
        bytes memory setUpCall = abi.encodeCall(LegacyApp.initialize, (APP_OWNER, disableUpgrades, anyDevice, DEVICE, COMPOSE));
        return address(new ERC1967Proxy(address(new LegacyApp()), setUpCall));
    }

    function upgrade(address proxy, address implementation, address owner) private {
        vm.prank(owner);
        UUPSUpgradeable(proxy).upgradeToAndCall(implementation, "");
    }

    function test_legacyKms_keepsEverything() public {
        bytes memory setUpCall = abi.encodeCall(LegacyKms.initialize, (OWNER, address(0x77)));
        LegacyKms old = LegacyKms(address(new ERC1967Proxy(address(new LegacyKms()), setUpCall)));
        bytes memory longQuote = new bytes(5000);
        longQuote[4999] = 0x01;
        vm.prank(OWNER);
        old.fill(LegacyKms.KmsInfo(hex"0203", hex"3059", longQuote, hex"5b5d"), "0xgateway", address(0x88), MR, DEVICE, IMAGE);
        upgrade(address(old), kmsImplementation, OWNER);

        kms = DstackKms(address(old));
        vm.assertEq(kms.owner(), OWNER);
        vm.assertEq(kms.pendingOwner(), address(0));
        vm.assertEq(kms.appImplementation(), address(0x77));
        vm.assertEq(kms.gatewayAppId(), "0xgateway");
        vm.assertTrue(kms.registeredApps(address(0x88)));
        (bytes memory k256, bytes memory ca, bytes memory quote, bytes memory eventlog) = kms.kmsInfo();
        vm.assertEq(k256, hex"0203");
        vm.assertEq(ca, hex"3059");
        vm.assertEq(quote, longQuote);
        vm.assertEq(eventlog, hex"5b5d");
        assertKmsVerdict(bootInfo(), true, "");
        vm.assertEq(implementationOf(address(kms)), kmsImplementation);
    }

    function test_legacyApp_keepsEverything() public {
        DstackApp upgraded = DstackApp(legacyApp(false, true));
        upgrade(address(upgraded), appImplementation, APP_OWNER);
        vm.assertEq(upgraded.owner(), APP_OWNER);
        vm.assertEq(upgraded.pendingOwner(), address(0));
        vm.assertTrue(upgraded.allowAnyDevice());
        vm.assertFalse(upgraded.requireTcbUpToDate());
        vm.assertTrue(upgraded.allowedDeviceIds(DEVICE));
        vm.assertTrue(upgraded.allowedComposeHashes(COMPOSE));
        vm.assertEq(upgraded.version(), 2);
        vm.expectRevert(bytes4(0xf92ee8a9)); // InvalidInitialization
        upgraded.initialize(STRANGER, false, false, false, 0, 0);
        vm.prank(APP_OWNER);
        upgraded.setRequireTcbUpToDate(true);
        IAppAuth.AppBootInfo memory info = bootInfo();
        info.tcbStatus = "OutOfDate";
        assertAppVerdict(upgraded, info, false, "TCB status is not up to date");
        vm.assertTrue(upgraded.allowedDeviceIds(DEVICE));
    }

    function test_legacyApp_staysDisabled() public {
        address old = legacyApp(true, false);
        vm.prank(APP_OWNER);
        vm.expectRevert(errorText("Upgrades are permanently disabled"));
        UUPSUpgradeable(old).upgradeToAndCall(appImplementation, "");
    }

    function test_legacyPair_moveTogether() public {
        bytes memory setUpCall = abi.encodeCall(LegacyKms.initialize, (OWNER, address(new LegacyApp())));
        address oldKms = address(new ERC1967Proxy(address(new LegacyKms()), setUpCall));
        upgrade(oldKms, kmsImplementation, OWNER);
        kms = DstackKms(oldKms);
        vm.expectRevert(bytes4(0xd6bda275)); // FailedCall: the old implementation has no such initialize
        kms.deployAndRegisterApp(APP_OWNER, false, false, DEVICE, COMPOSE);
        vm.prank(OWNER);
        kms.setAppImplementation(appImplementation);
        kms.deployAndRegisterApp(APP_OWNER, false, false, DEVICE, COMPOSE);
        kms.deployAndRegisterApp(APP_OWNER, false, true, false, DEVICE, COMPOSE);
    }

    function test_upgradeWithCall() public {
        address next = address(new NextApp());
        vm.prank(APP_OWNER);
        app.upgradeToAndCall(next, abi.encodeCall(NextApp.setMarker, (42)));
        vm.assertEq(NextApp(address(app)).marker(), 42);
        vm.assertTrue(app.allowedComposeHashes(COMPOSE));
    }

    function test_disableUpgrades_isFinal() public {
        vm.startPrank(APP_OWNER);
        app.disableUpgrades();
        app.disableUpgrades();
        vm.expectRevert(errorText("Upgrades are permanently disabled"));
        app.upgradeToAndCall(appImplementation, "");
        vm.stopPrank();
        vm.prank(STRANGER);
        vm.expectRevert(unauthorized(STRANGER));
        app.upgradeToAndCall(appImplementation, "");
    }

    function test_wrongImplementations() public {
        address wrong = address(new WrongUuid());
        vm.startPrank(APP_OWNER);
        vm.expectRevert(abi.encodeWithSignature("UUPSUnsupportedProxiableUUID(bytes32)", keccak256("elsewhere")));
        app.upgradeToAndCall(wrong, "");
        vm.expectRevert(abi.encodeWithSignature("ERC1967InvalidImplementation(address)", address(this)));
        app.upgradeToAndCall(address(this), "");
        vm.expectRevert();
        app.upgradeToAndCall(address(0x5555), "");
        vm.expectRevert(bytes4(0xe07c8dba)); // UUPSUnauthorizedCallContext
        DstackApp(appImplementation).upgradeToAndCall(appImplementation, "");
        vm.expectRevert(bytes4(0xe07c8dba));
        app.proxiableUUID();
        vm.assertEq(DstackApp(appImplementation).proxiableUUID(), IMPLEMENTATION_SLOT);
        vm.assertEq(app.UPGRADE_INTERFACE_VERSION(), "5.0.0");
    }

    function test_layout() public {
        vm.startPrank(OWNER);
        bytes32 image = 0x2222222222222222222222222222222222222222222222222222222222222222;
        kms.addOsImageHash(image);
        kms.setGatewayAppId("gw");
        kms.transferOwnership(STRANGER);
        vm.stopPrank();
        bytes32 slot = 0xa106fe104d2402da20fc5ea27aa38cd5bb8f1c8c8004a7af1ed9e0d3a1894b51;
        vm.assertEq(vm.load(address(kms), slot), bytes32(uint256(1)));
        vm.assertEq(vm.load(address(kms), bytes32(uint256(4))), bytes32("gw") | bytes32(uint256(4)));
        vm.assertEq(vm.load(address(kms), bytes32(uint256(9))), bytes32(uint256(uint160(appImplementation))));
        vm.assertEq(vm.load(address(kms), OWNER_SLOT), bytes32(uint256(uint160(OWNER))));
        vm.assertEq(vm.load(address(kms), PENDING_OWNER_SLOT), bytes32(uint256(uint160(STRANGER))));

        DstackApp made = DstackApp(kms.deployAndRegisterApp(APP_OWNER, true, true, true, DEVICE, COMPOSE));
        vm.assertEq(vm.load(address(made), keccak256(abi.encode(COMPOSE, 0))), bytes32(uint256(1)));
        vm.assertEq(vm.load(address(made), bytes32(uint256(1))), bytes32(uint256(0x0101)));
        vm.assertEq(vm.load(address(made), keccak256(abi.encode(DEVICE, 2))), bytes32(uint256(1)));
        vm.assertEq(vm.load(address(made), bytes32(uint256(3))), bytes32(uint256(1)));
    }

    function testFuzz_strangersNeverUpgrade(address stranger) public {
        vm.assume(stranger != APP_OWNER && stranger != OWNER);
        vm.startPrank(stranger);
        vm.expectRevert(unauthorized(stranger));
        app.upgradeToAndCall(appImplementation, "");
        vm.expectRevert(unauthorized(stranger));
        kms.upgradeToAndCall(kmsImplementation, "");
    }
}
