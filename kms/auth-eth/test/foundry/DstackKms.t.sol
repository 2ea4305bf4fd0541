// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {DstackApp} from "contracts/DstackApp.sol";
import {DstackKms} from "contracts/DstackKms.sol";
import {Governed} from "contracts/Governed.sol";
import {IAppAuth} from "contracts/IAppAuth.sol";
import {Fixture} from "./support/Fixture.sol";

contract DstackKmsTest is Fixture {
    function test_initialize_setsOwnerAndImplementation() public view {
        vm.assertEq(kms.owner(), OWNER);
        vm.assertEq(kms.pendingOwner(), address(0));
        vm.assertEq(kms.appImplementation(), appImplementation);
    }

    function test_initialize_onlyOnce() public {
        vm.expectRevert(bytes4(0xf92ee8a9)); // InvalidInitialization
        kms.initialize(STRANGER, address(0));
        vm.expectRevert(bytes4(0xf92ee8a9));
        DstackKms(kmsImplementation).initialize(STRANGER, address(0));
    }

    function test_initialize_refusesNoOwner() public {
        vm.expectRevert(abi.encodeWithSignature("OwnableInvalidOwner(address)", address(0)));
        this.makeKms(address(0));
    }

    function makeKms(address owner) external returns (DstackKms) {
        return newKms(owner, address(0));
    }

    function test_kmsVerdict_firstFailingCheckWins() public {
        IAppAuth.AppBootInfo memory info = bootInfo();
        info.tcbStatus = "OutOfDate";
        assertKmsVerdict(info, false, "TCB status is not up to date");
        info.tcbStatus = "uptodate";
        assertKmsVerdict(info, false, "TCB status is not up to date");
        info.tcbStatus = "UpToDate";
        assertKmsVerdict(info, false, "OS image is not allowed");
        vm.startPrank(OWNER);
        kms.addOsImageHash(IMAGE);
        assertKmsVerdict(info, false, "Aggregated MR not allowed");
        kms.addKmsAggregatedMr(MR);
        assertKmsVerdict(info, false, "KMS is not allowed to boot on this device");
        kms.addKmsDevice(DEVICE);
        assertKmsVerdict(info, true, "");
        kms.removeKmsDevice(DEVICE);
        assertKmsVerdict(info, false, "KMS is not allowed to boot on this device");
        kms.removeKmsAggregatedMr(MR);
        assertKmsVerdict(info, false, "Aggregated MR not allowed");
        kms.removeOsImageHash(IMAGE);
        assertKmsVerdict(info, false, "OS image is not allowed");
    }

    function test_appVerdict_firstFailingCheckWins() public {
        IAppAuth.AppBootInfo memory info = bootInfo();
        info.appId = address(0xdead);
        assertAppVerdict(kms, info, false, "App not registered");
        kms.registerApp(address(0xdead));
        assertAppVerdict(kms, info, false, "OS image is not allowed");
        vm.prank(OWNER);
        kms.addOsImageHash(IMAGE);
        assertAppVerdict(kms, info, false, "App not deployed or invalid address");
        info.appId = address(app);
        assertAppVerdict(kms, info, true, "");
        info.composeHash = 0;
        assertAppVerdict(kms, info, false, "Compose hash not allowed");
    }

    function test_registerApp_isFreeForAllAndIdempotent() public {
        for (uint256 i = 0; i < 2; i++) {
            vm.expectEmit(true, true, true, true, address(kms));
            emit DstackKms.AppRegistered(address(0x77));
            vm.prank(STRANGER);
            kms.registerApp(address(0x77));
        }
        vm.assertTrue(kms.registeredApps(address(0x77)));
        vm.expectRevert(errorText("Invalid app ID"));
        kms.registerApp(address(0));
    }

    function test_factory_sixArguments() public {
        vm.prank(STRANGER);
        DstackApp made = DstackApp(kms.deployAndRegisterApp(APP_OWNER, true, true, true, bytes32(0), bytes32(0)));
        vm.assertTrue(kms.registeredApps(address(made)));
        vm.assertEq(made.owner(), APP_OWNER);
        vm.assertTrue(made.requireTcbUpToDate());
        vm.assertTrue(made.allowAnyDevice());
        vm.assertFalse(made.allowedDeviceIds(0));
        vm.assertFalse(made.allowedComposeHashes(0));
        vm.assertEq(implementationOf(address(made)), appImplementation);
    }

    function test_factory_fiveArguments() public {
        DstackApp made = DstackApp(kms.deployAndRegisterApp(APP_OWNER, false, true, DEVICE, COMPOSE));
        vm.assertFalse(made.requireTcbUpToDate());
        vm.assertTrue(made.allowAnyDevice());
        vm.assertTrue(made.allowedDeviceIds(DEVICE));
        vm.assertTrue(made.allowedComposeHashes(COMPOSE));
    }

    function test_factory_refusals() public {
        vm.expectRevert(errorText("Invalid owner address"));
        kms.deployAndRegisterApp(address(0), false, false, DEVICE, COMPOSE);
        DstackKms bare = newKms(OWNER, address(0));
        vm.expectRevert(errorText("DstackApp implementation not set"));
        bare.deployAndRegisterApp(address(0), false, false, DEVICE, COMPOSE);
        vm.prank(OWNER);
        bare.setAppImplementation(address(0x5555));
        vm.expectRevert(abi.encodeWithSignature("ERC1967InvalidImplementation(address)", address(0x5555)));
        bare.deployAndRegisterApp(APP_OWNER, false, false, DEVICE, COMPOSE);
    }

    function test_setKmsInfo() public {
        DstackKms.KmsInfo memory info = DstackKms.KmsInfo(hex"0203", hex"3059", hex"04", hex"5b5d");
        vm.expectEmit(true, true, true, true, address(kms));
        emit DstackKms.KmsInfoSet(hex"0203");
        vm.startPrank(OWNER);
        kms.setKmsInfo(info);
        kms.setKmsQuote(hex"aabb");
        kms.setKmsEventlog(hex"cc");
        (bytes memory k256, bytes memory ca, bytes memory quote, bytes memory eventlog) = kms.kmsInfo();
        vm.assertEq(k256, hex"0203");
        vm.assertEq(ca, hex"3059");
        vm.assertEq(quote, hex"aabb");
        vm.assertEq(eventlog, hex"cc");
    }

    function test_setters() public {
        vm.startPrank(OWNER);
        kms.setGatewayAppId("0x32467b43BFa67273FC7dDda0999Ee9A12F2AaA08");
        vm.assertEq(kms.gatewayAppId(), "0x32467b43BFa67273FC7dDda0999Ee9A12F2AaA08");
        kms.setAppImplementation(address(0x77));
        vm.assertEq(kms.appImplementation(), address(0x77));
        vm.expectRevert(errorText("Invalid implementation address"));
        kms.setAppImplementation(address(0));
    }

    function test_everyChangeIsTheOwnersAlone() public {
        bytes[14] memory calls = [
            abi.encodeCall(kms.setKmsInfo, (DstackKms.KmsInfo("", "", "", ""))),
            abi.encodeCall(kms.setKmsQuote, ("")),
            abi.encodeCall(kms.setKmsEventlog, ("")),
            abi.encodeCall(kms.setGatewayAppId, ("any")),
            abi.encodeCall(kms.setAppImplementation, (address(1))),
            abi.encodeCall(kms.addKmsAggregatedMr, (MR)),
            abi.encodeCall(kms.removeKmsAggregatedMr, (MR)),
            abi.encodeCall(kms.addKmsDevice, (DEVICE)),
            abi.encodeCall(kms.removeKmsDevice, (DEVICE)),
            abi.encodeCall(kms.addOsImageHash, (IMAGE)),
            abi.encodeCall(kms.removeOsImageHash, (IMAGE)),
            abi.encodeCall(kms.transferOwnership, (STRANGER)),
            abi.encodeCall(kms.renounceOwnership, ()),
            abi.encodeCall(kms.upgradeToAndCall, (kmsImplementation, ""))
        ];
        for (uint256 i = 0; i < calls.length; i++) {
            vm.prank(STRANGER);
            (bool done, bytes memory answer) = address(kms).call(calls[i]);
            vm.assertFalse(done);
            vm.assertEq(answer, unauthorized(STRANGER));
        }
    }

    function test_interfaces() public view {
        vm.assertTrue(kms.supportsInterface(0x01ffc9a7));
        vm.assertTrue(kms.supportsInterface(0x1e079198));
        vm.assertFalse(kms.supportsInterface(0x8fd37527));
        vm.assertFalse(kms.supportsInterface(0xffffffff));
    }

    function test_ownership_takesTwoSteps() public {
        vm.prank(OWNER);
        kms.transferOwnership(STRANGER);
        vm.assertEq(kms.owner(), OWNER);
        vm.assertEq(kms.pendingOwner(), STRANGER);
        vm.prank(OWNER);
        kms.transferOwnership(APP_OWNER);
        vm.prank(STRANGER);
        vm.expectRevert(unauthorized(STRANGER));
        kms.acceptOwnership();
        vm.prank(APP_OWNER);
        kms.acceptOwnership();
        vm.assertEq(kms.owner(), APP_OWNER);
        vm.assertEq(kms.pendingOwner(), address(0));
        vm.prank(OWNER);
        vm.expectRevert(unauthorized(OWNER));
        kms.addOsImageHash(IMAGE);
        vm.prank(APP_OWNER);
        kms.addOsImageHash(IMAGE);
    }

    function test_ownership_canBeWithdrawnButNotRenounced() public {
        vm.startPrank(OWNER);
        kms.transferOwnership(STRANGER);
        kms.transferOwnership(address(0));
        vm.assertEq(kms.pendingOwner(), address(0));
        vm.expectRevert(Governed.OwnershipCannotBeRenounced.selector);
        kms.renounceOwnership();
        vm.assertEq(kms.owner(), OWNER);
    }

    function testFuzz_kmsVerdict_isTheConjunction(string calldata status, bytes32 image, bytes32 mr, bytes32 device, uint8 lists)
        public
    {
        vm.startPrank(OWNER);
        if (lists & 1 != 0) kms.addOsImageHash(image);
        if (lists & 2 != 0) kms.addKmsAggregatedMr(mr);
        if (lists & 4 != 0) kms.addKmsDevice(device);
        IAppAuth.AppBootInfo memory info = bootInfo();
        info.osImageHash = image;
        info.mrAggregated = mr;
        info.deviceId = device;
        (bool allowed,) = kms.isKmsAllowed(info);
        vm.assertEq(allowed, lists & 7 == 7);
        info.tcbStatus = status;
        (allowed,) = kms.isKmsAllowed(info);
        vm.assertEq(allowed, lists & 7 == 7 && keccak256(bytes(status)) == keccak256("UpToDate"));
    }
}
