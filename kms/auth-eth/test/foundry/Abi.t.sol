// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {DstackApp} from "contracts/DstackApp.sol";
import {DstackKms} from "contracts/DstackKms.sol";
import {IAppAuth} from "contracts/IAppAuth.sol";
import {IAppAuthBasicManagement} from "contracts/IAppAuthBasicManagement.sol";
import {Fixture} from "./support/Fixture.sol";

/// @notice Call data and answers, byte for byte: deployed contracts and clients of all versions rely on them.
contract AbiTest is Fixture {
    function sample() private pure returns (IAppAuth.AppBootInfo memory info) {
        info.appId = 0xEA549F02e1a25FaBD1CB788380e033eC5461b2ff;
        info.composeHash = 0xea549f02e1a25fabd1cb788380e033ec5461b2ffe4328d753642cf035452e48b;
        info.instanceId = address(uint160(0x0059df8036b824b0aac54f8998b9e1fb2a0cfc5d3a));
        info.deviceId = 0xda2d377e04b7133ec1287a18d465fa44ae9dbb08d929166c6bdb414f38a2acd3;
        info.mrAggregated = 0x286261fff4fcaa1e418aa50a7fcbcee70549a7ec70bf22ce9d8bf2711e5a8d64;
        info.mrSystem = 0xdb69de4e8cd3cfb7431c31b9b3c0919cd4e688e629c15d9e745881f20caf25c8;
        info.osImageHash = 0x64f0d1545cd510a8dfed7ad609d105b5d41f0cb2afcfdda8867ede00c88add7a;
        info.tcbStatus = "UpToDate";
    }

    function test_selectorsOfKms() public view {
        vm.assertEq(bytes32(kms.initialize.selector), bytes32(bytes4(0x485cc955)));
        vm.assertEq(bytes32(kms.isAppAllowed.selector), bytes32(bytes4(0x1e079198)));
        vm.assertEq(bytes32(kms.isKmsAllowed.selector), bytes32(bytes4(0xe067ec9d)));
        vm.assertEq(bytes32(kms.registerApp.selector), bytes32(bytes4(0x17a1d80f)));
        vm.assertEq(bytes32(kms.setKmsInfo.selector), bytes32(bytes4(0x7d025352)));
        vm.assertEq(bytes32(kms.setKmsQuote.selector), bytes32(bytes4(0x18c1ecb2)));
        vm.assertEq(bytes32(kms.setKmsEventlog.selector), bytes32(bytes4(0x736ede7a)));
        vm.assertEq(bytes32(kms.setGatewayAppId.selector), bytes32(bytes4(0x3971db27)));
        vm.assertEq(bytes32(kms.setAppImplementation.selector), bytes32(bytes4(0x3ceaaa11)));
        vm.assertEq(bytes32(kms.addKmsAggregatedMr.selector), bytes32(bytes4(0x3e32d346)));
        vm.assertEq(bytes32(kms.removeKmsAggregatedMr.selector), bytes32(bytes4(0x2adee48d)));
        vm.assertEq(bytes32(kms.addKmsDevice.selector), bytes32(bytes4(0x4d5922a1)));
        vm.assertEq(bytes32(kms.removeKmsDevice.selector), bytes32(bytes4(0x9e6f3114)));
        vm.assertEq(bytes32(kms.addOsImageHash.selector), bytes32(bytes4(0x06a3ae96)));
        vm.assertEq(bytes32(kms.removeOsImageHash.selector), bytes32(bytes4(0x9425bac6)));
        vm.assertEq(bytes32(kms.kmsInfo.selector), bytes32(bytes4(0x09177063)));
        vm.assertEq(bytes32(kms.gatewayAppId.selector), bytes32(bytes4(0x95f51931)));
        vm.assertEq(bytes32(kms.appImplementation.selector), bytes32(bytes4(0x25a992da)));
        vm.assertEq(bytes32(kms.registeredApps.selector), bytes32(bytes4(0xa6c4cce9)));
        vm.assertEq(bytes32(kms.kmsAllowedAggregatedMrs.selector), bytes32(bytes4(0xf6fe4f40)));
        vm.assertEq(bytes32(kms.kmsAllowedDeviceIds.selector), bytes32(bytes4(0x13eb9770)));
        vm.assertEq(bytes32(kms.allowedOsImages.selector), bytes32(bytes4(0x9a4e1d18)));
    }

    function test_selectorsOfBoth() public view {
        vm.assertEq(bytes32(kms.owner.selector), bytes32(bytes4(0x8da5cb5b)));
        vm.assertEq(bytes32(kms.transferOwnership.selector), bytes32(bytes4(0xf2fde38b)));
        vm.assertEq(bytes32(kms.renounceOwnership.selector), bytes32(bytes4(0x715018a6)));
        vm.assertEq(bytes32(kms.acceptOwnership.selector), bytes32(bytes4(0x79ba5097)));
        vm.assertEq(bytes32(kms.pendingOwner.selector), bytes32(bytes4(0xe30c3978)));
        vm.assertEq(bytes32(kms.supportsInterface.selector), bytes32(bytes4(0x01ffc9a7)));
        vm.assertEq(bytes32(kms.upgradeToAndCall.selector), bytes32(bytes4(0x4f1ef286)));
        vm.assertEq(bytes32(kms.proxiableUUID.selector), bytes32(bytes4(0x52d1902d)));
        vm.assertEq(bytes32(kms.UPGRADE_INTERFACE_VERSION.selector), bytes32(bytes4(0xad3cb1cc)));
    }

    function test_selectorsOfApp() public view {
        vm.assertEq(bytes32(app.addComposeHash.selector), bytes32(bytes4(0xdfc77223)));
        vm.assertEq(bytes32(app.removeComposeHash.selector), bytes32(bytes4(0x67b3f22c)));
        vm.assertEq(bytes32(app.addDevice.selector), bytes32(bytes4(0x2a819728)));
        vm.assertEq(bytes32(app.removeDevice.selector), bytes32(bytes4(0x1d266200)));
        vm.assertEq(bytes32(app.setAllowAnyDevice.selector), bytes32(bytes4(0x7c4beeb8)));
        vm.assertEq(bytes32(app.disableUpgrades.selector), bytes32(bytes4(0xec669036)));
        vm.assertEq(bytes32(app.allowedComposeHashes.selector), bytes32(bytes4(0x2f6622e5)));
        vm.assertEq(bytes32(app.allowedDeviceIds.selector), bytes32(bytes4(0xbf8b211b)));
        vm.assertEq(bytes32(app.allowAnyDevice.selector), bytes32(bytes4(0x3440a16a)));
        vm.assertEq(bytes32(app.requireTcbUpToDate.selector), bytes32(bytes4(0x0aa58c83)));
        vm.assertEq(bytes32(app.setRequireTcbUpToDate.selector), bytes32(bytes4(0x6e4c7422)));
        vm.assertEq(bytes32(app.version.selector), bytes32(bytes4(0x54fd4d50)));
        vm.assertEq(bytes32(type(IAppAuth).interfaceId), bytes32(bytes4(0x1e079198)));
        vm.assertEq(bytes32(type(IAppAuthBasicManagement).interfaceId), bytes32(bytes4(0x8fd37527)));
    }

    /// Overloads have no member of their own to take a selector of: the call must find a function.
    function test_selectorsOfOverloads() public {
        (bool done, bytes memory answer) = address(kms).call(abi.encodePacked(bytes4(0x8618169d), abi.encode(APP_OWNER, false, true, DEVICE, COMPOSE)));
        vm.assertTrue(done && answer.length == 32);
        bytes memory six = abi.encodePacked(bytes4(0x9cb9c31f), abi.encode(address(0x70997970C51812dc3A010C7d01b50e0d17dc79C8), false, true, true, bytes32(0), sample().composeHash));
        vm.assertEq(keccak256(six), 0xab747ae4f517f0f2bcd9bba131e5e419c136fe7986e30e4312975a9907f5ede3);
        (done, answer) = address(kms).call(six);
        vm.assertTrue(done && answer.length == 32);
        (, answer) = address(app).call(abi.encodePacked(bytes4(0x187515ca), abi.encode(APP_OWNER, false, true, DEVICE, COMPOSE)));
        vm.assertEq(answer, abi.encodePacked(bytes4(0xf92ee8a9)));
        (, answer) = address(app).call(abi.encodePacked(bytes4(0x9ed28193), abi.encode(APP_OWNER, false, true, true, DEVICE, COMPOSE)));
        vm.assertEq(answer, abi.encodePacked(bytes4(0xf92ee8a9)));
    }

    function test_questionA() public view {
        bytes memory data = abi.encodeCall(kms.isAppAllowed, (sample()));
        vm.assertEq(data.length, 420);
        vm.assertEq(keccak256(data), 0xca6b4dff802bc2394510768612dccbcffb0ab3b5b770e0e8af93fdaaf713ddcd);
        vm.assertEq(keccak256(abi.encodeCall(kms.isKmsAllowed, (sample()))), 0xa1f00440439551736d0a8fcd4edfc0bb63babc378e3ff00dba037bdf2adaaf47);
    }

    function test_questionB() public view {
        IAppAuth.AppBootInfo memory info = sample();
        info.tcbStatus = "OutOfDate";
        info.advisoryIds = new string[](2);
        info.advisoryIds[0] = "INTEL-SA-00837";
        info.advisoryIds[1] = "INTEL-SA-00960";
        bytes memory data = abi.encodeCall(kms.isAppAllowed, (info));
        vm.assertEq(data.length, 612);
        vm.assertEq(keccak256(data), 0x7b83b355bf2427d3d2a2a58e3e322dcc42ec2123353ec558d7fba93492a1e511);
    }

    function test_answers() public {
        (, bytes memory answer) = address(app).staticcall(abi.encodeCall(app.isAppAllowed, (bootInfo())));
        vm.assertEq(answer, abi.encode(true, ""));
        vm.assertEq(answer.length, 96);
        (, answer) = address(kms).staticcall(abi.encodeCall(kms.isAppAllowed, (bootInfo())));
        vm.assertEq(answer, hex"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000400000000000000000000000000000000000000000000000000000000000000017" hex"4f5320696d616765206973206e6f7420616c6c6f776564000000000000000000");
        (, answer) = address(kms).call(abi.encodeCall(kms.registerApp, (address(0))));
        vm.assertEq(answer, hex"08c379a00000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000e496e76616c696420617070204944000000000000000000000000000000000000");
    }

    function test_kmsInfoIsFourValues() public {
        vm.prank(OWNER);
        kms.setKmsInfo(DstackKms.KmsInfo(hex"0203", hex"3059", hex"04", hex"5b5d"));
        (, bytes memory answer) = address(kms).staticcall(abi.encodeCall(kms.kmsInfo, ()));
        vm.assertEq(answer, abi.encode(hex"0203", hex"3059", hex"04", hex"5b5d"));
    }
}
