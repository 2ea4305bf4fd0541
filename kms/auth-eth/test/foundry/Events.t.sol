// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {DstackApp} from "contracts/DstackApp.sol";
import {DstackKms} from "contracts/DstackKms.sol";
import {Governed} from "contracts/Governed.sol";
import {Cheats} from "./support/Cheats.sol";
import {Fixture} from "./support/Fixture.sol";

/// @notice Every change of policy is in PolicyChanged, in an order and form an indexer can rely on.
contract EventsTest is Fixture {
    /// The state that an indexer that knows nothing but PolicyChanged has.
    mapping(address emitter => mapping(bytes32 policy => mapping(bytes32 value => bool))) private indexed_;

    function asValue(address account) private pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }

    function assertChange(Cheats.Log memory log, address actor, bytes32 policy, bytes32 value, bool enabled) private pure {
        vm.assertEq(log.topics[0], 0x341d3bc64e32172fc5bcf27b0f7f69dc5adc19af64b7aa1dee361e5883c32375);
        vm.assertEq(log.topics[1], asValue(actor));
        vm.assertEq(log.topics[2], policy);
        vm.assertEq(log.topics[3], value);
        vm.assertEq(log.data, abi.encode(enabled));
    }

    /// Makes one change and expects its own event, then PolicyChanged, and nothing else.
    function assertPair(address target, address actor, bytes memory callData, bytes32 topic, bytes32 policy, bytes32 value, bool enabled)
        private
    {
        vm.recordLogs();
        vm.prank(actor);
        (bool done,) = target.call(callData);
        vm.assertTrue(done);
        Cheats.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2);
        vm.assertEq(logs[0].topics[0], topic);
        vm.assertEq(logs[0].emitter, target);
        assertChange(logs[1], actor, policy, value, enabled);
    }

    function test_kmsChanges() public {
        address at = address(kms);
        assertPair(at, OWNER, abi.encodeCall(kms.addKmsAggregatedMr, (MR)), 0x68615a0b92795750b3d180ff73429e1291d225e449eee954a567b91104fd9837, 0x22cfb8b3fc209be958082ecee5badccf8f7ab55e79ec93f5ac413a164feb98ea, MR, true);
        assertPair(at, OWNER, abi.encodeCall(kms.removeKmsAggregatedMr, (MR)), 0x54cd662e41eec7ddf0f32f034b2533e481b471dd3ea978222d609ec8fffb1bb0, 0x22cfb8b3fc209be958082ecee5badccf8f7ab55e79ec93f5ac413a164feb98ea, MR, false);
        assertPair(at, OWNER, abi.encodeCall(kms.addKmsDevice, (DEVICE)), 0xf2b290637b1193e12eb38ab32b986303639b1687cc2cd1e25f993e6eae2f4041, 0x1a2d46e254225ae2e84638f6fcb742191317930982ce206e0917877506edc3a0, DEVICE, true);
        assertPair(at, OWNER, abi.encodeCall(kms.removeKmsDevice, (DEVICE)), 0x1a9888a45e3df8b7e6bb3090747d598d2a0d78e61388161a90799f54df8f4434, 0x1a2d46e254225ae2e84638f6fcb742191317930982ce206e0917877506edc3a0, DEVICE, false);
        assertPair(at, OWNER, abi.encodeCall(kms.addOsImageHash, (IMAGE)), 0x4911843506849c85a5ca6e6e2c01eed2d3ab86baba619517a2aad9d5ab2aeff2, 0xbc0346dd2a1caffcfdf89515e8a3ad921515d32b39d8e28334b87bd5a1bdb6aa, IMAGE, true);
        assertPair(at, OWNER, abi.encodeCall(kms.removeOsImageHash, (IMAGE)), 0x99b3cee95daf3138d0c982299cd0264f5b7a61aa629b42b92f3ec8966aa7f6fe, 0xbc0346dd2a1caffcfdf89515e8a3ad921515d32b39d8e28334b87bd5a1bdb6aa, IMAGE, false);
        assertPair(at, OWNER, abi.encodeCall(kms.setGatewayAppId, ("gw")), 0x5b2b64f770ea5266055ebd3ebf205ef06cbfa738e62684edf0e28356e34acf06, 0x6061a738ec69c97ed6ae96633751763d1291f32a6ef6515845ad8ddefda35ec6, keccak256("gw"), true);
        assertPair(at, OWNER, abi.encodeCall(kms.setKmsInfo, (DstackKms.KmsInfo(hex"0203", "", "", ""))), 0x77cdad119a452bbd96c45635758fc4af8a6bde3deaccf3fada634ddf9a162706, 0xadc23d82fa8b20f02103a2405c452d2446e5a589f0182bd71f6d87e3357fbe65, keccak256(hex"0203"), true);
        assertPair(at, OWNER, abi.encodeCall(kms.setAppImplementation, (address(7))), 0x08bb433f12b5fd81d2d5e0deeb3b4d28371781ddbd80e9d053e7468d2b1aa82d, 0xeec6b85dea30e3cb63f324855a4722f1bf23ddd4c142a551610e18744a193734, asValue(address(7)), true);
        assertPair(at, STRANGER, abi.encodeCall(kms.registerApp, (address(7))), 0x0d540ad8f39e07d19909687352b9fa017405d93c91a6760981fbae9cf28bfef7, 0x1a61f88f2e67632c1bf4321c88aec40bbf788e2b1a14b69f1186e6a3a31d9028, asValue(address(7)), true);
    }

    function test_appChanges() public {
        address at = address(app);
        assertPair(at, APP_OWNER, abi.encodeCall(app.addComposeHash, (MR)), 0xfecb34306dd9d8b785b54d65489d06afc8822a0893ddacedff40c50a4942d0af, 0x56bdf4352a9ceb1ba8f5c68066725c095e69c1d3f8a437290f0ac1da8fb4e19c, MR, true);
        assertPair(at, APP_OWNER, abi.encodeCall(app.removeComposeHash, (MR)), 0x755b79bd4b0eeab344d032284a99003b2ddc018b646752ac72d681593a6e8947, 0x56bdf4352a9ceb1ba8f5c68066725c095e69c1d3f8a437290f0ac1da8fb4e19c, MR, false);
        assertPair(at, APP_OWNER, abi.encodeCall(app.addDevice, (MR)), 0x67fc71ab96fe3fa3c6f78e9a00e635d591b7333ce611c0380bc577aac702243b, 0x8e7eff7e4a57bd436b18f220111863326b17773a8b4460f9fabd87a334233046, MR, true);
        assertPair(at, APP_OWNER, abi.encodeCall(app.removeDevice, (MR)), 0xe0862975ac517b0478d308012afabc4bc37c23874a18144d7f2dfb852ff95c2c, 0x8e7eff7e4a57bd436b18f220111863326b17773a8b4460f9fabd87a334233046, MR, false);
        assertPair(at, APP_OWNER, abi.encodeCall(app.setAllowAnyDevice, (true)), 0xbb2cdb6c7b362202d40373f87bc4788301cca658f91711ac1662e1ad2cba4a20, 0x560720bbc77afadfad8faeab0a79cf66b13e5433c09dd9182d5d36413084a84e, 0, true);
        assertPair(at, APP_OWNER, abi.encodeCall(app.setRequireTcbUpToDate, (true)), 0xafae60561b2481a349b45b3a47357f70eef6ae67e5b6e1749d74de7f19a25aa1, 0xeb206ee4e1c06549322091bfcf2a5ff8658edc40901aa7f3af6f571a159471fb, 0, true);
        assertPair(at, APP_OWNER, abi.encodeCall(app.disableUpgrades, ()), 0x0e5daa943fcd7e7182d0e893d180695c2ea9f6f1b4a1c5432faf14cf17b774e8, 0xf6943036509aad7f2319e01f7ed528873bcbdaaf6d25921b03e395124e6a46d3, 0, true);
    }

    function test_upgrade_isToldBeforeItHappens() public {
        address next = address(new DstackApp());
        vm.recordLogs();
        vm.prank(APP_OWNER);
        app.upgradeToAndCall(next, "");
        Cheats.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2);
        assertChange(logs[0], APP_OWNER, 0xdd3079240d4e002c905dcbcaf6b06d77e782afb127bbb837120b8c7fc6703da3, asValue(next), true);
        vm.assertEq(logs[1].topics[0], 0xbc7cd75a20ee27fd9adebab32041f755214dbc6bffa90cc0225b39da2e5c2d3b);
        vm.assertEq(logs[1].topics[1], asValue(next));
    }

    function test_orderOfAFreshKms() public {
        vm.recordLogs();
        newKms(OWNER, appImplementation);
        Cheats.Log[] memory logs = vm.getRecordedLogs();
        bytes32[5] memory topics = [
            bytes32(0xbc7cd75a20ee27fd9adebab32041f755214dbc6bffa90cc0225b39da2e5c2d3b),
            0x8be0079c531659141344cd1fd0a4f28419497f9722a3daafe3b4186f6b6457e0,
            0x08bb433f12b5fd81d2d5e0deeb3b4d28371781ddbd80e9d053e7468d2b1aa82d,
            0x341d3bc64e32172fc5bcf27b0f7f69dc5adc19af64b7aa1dee361e5883c32375,
            0xc7f505b2f371ae2175ee4913f4499e1f2633a7b5936321eed1cdaeb6115181d2
        ];
        vm.assertEq(logs.length, topics.length);
        for (uint256 i = 0; i < topics.length; i++) vm.assertEq(logs[i].topics[0], topics[i]);
        vm.assertEq(logs[4].data, abi.encode(1));
    }

    function test_orderOfTheFactory() public {
        vm.recordLogs();
        vm.prank(STRANGER);
        address made = kms.deployAndRegisterApp(APP_OWNER, false, false, DEVICE, COMPOSE);
        Cheats.Log[] memory logs = vm.getRecordedLogs();
        bytes32 policyChanged = Governed.PolicyChanged.selector;
        bytes32[10] memory topics = [
            bytes32(0xbc7cd75a20ee27fd9adebab32041f755214dbc6bffa90cc0225b39da2e5c2d3b),
            0x67fc71ab96fe3fa3c6f78e9a00e635d591b7333ce611c0380bc577aac702243b,
            policyChanged,
            0xfecb34306dd9d8b785b54d65489d06afc8822a0893ddacedff40c50a4942d0af,
            policyChanged,
            0x8be0079c531659141344cd1fd0a4f28419497f9722a3daafe3b4186f6b6457e0,
            0xc7f505b2f371ae2175ee4913f4499e1f2633a7b5936321eed1cdaeb6115181d2,
            0x0d540ad8f39e07d19909687352b9fa017405d93c91a6760981fbae9cf28bfef7,
            policyChanged,
            0xfd86d7f6962eba3b7a3bf9129c06c0b2f885e1c61ef2c9f0dbb856be0deefdee
        ];
        vm.assertEq(logs.length, topics.length);
        for (uint256 i = 0; i < topics.length; i++) {
            vm.assertEq(logs[i].topics[0], topics[i]);
            vm.assertEq(logs[i].emitter, i < 7 ? made : address(kms));
        }
        vm.assertEq(logs[2].topics[1], asValue(address(kms)));
        vm.assertEq(logs[8].topics[1], asValue(STRANGER));
        vm.assertEq(logs[9].topics[1], asValue(made));
        vm.assertEq(logs[9].topics[2], asValue(STRANGER));
    }

    function test_ownership_isTold() public {
        vm.recordLogs();
        vm.prank(OWNER);
        kms.transferOwnership(STRANGER);
        vm.prank(STRANGER);
        kms.acceptOwnership();
        Cheats.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2);
        vm.assertEq(logs[0].topics[0], 0x38d16b8cac22d99fc7c124b9cd0de2d3fa1faef420bfe791d8c362d765e22700);
        vm.assertEq(logs[1].topics[0], 0x8be0079c531659141344cd1fd0a4f28419497f9722a3daafe3b4186f6b6457e0);
    }

    function test_revertsTellNothing() public {
        vm.recordLogs();
        vm.prank(STRANGER);
        (bool done,) = address(kms).call(abi.encodeCall(kms.addOsImageHash, (IMAGE)));
        vm.assertFalse(done);
        vm.assertEq(vm.getRecordedLogs().length, 0);
    }

    function change(uint256 step) private {
        bytes32 value = bytes32(step / 8 % 3);
        vm.prank(step % 2 == 0 ? OWNER : APP_OWNER);
        if (step % 8 == 0) kms.addOsImageHash(value);
        else if (step % 8 == 2) kms.removeOsImageHash(value);
        else if (step % 8 == 4) kms.addKmsDevice(value);
        else if (step % 8 == 6) kms.removeKmsDevice(value);
        else if (step % 8 == 1) app.addComposeHash(value);
        else if (step % 8 == 3) app.removeComposeHash(value);
        else if (step % 8 == 5) app.addDevice(value);
        else app.removeDevice(value);
    }

    function replay(Cheats.Log[] memory logs) private {
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] != Governed.PolicyChanged.selector) continue;
            indexed_[logs[i].emitter][logs[i].topics[2]][logs[i].topics[3]] = abi.decode(logs[i].data, (bool));
        }
    }

    function assertIndexed() private view {
        for (uint256 i = 0; i < 3; i++) {
            bytes32 value = bytes32(i);
            vm.assertEq(indexed_[address(kms)][keccak256("os-image")][value], kms.allowedOsImages(value));
            vm.assertEq(indexed_[address(kms)][keccak256("kms-device")][value], kms.kmsAllowedDeviceIds(value));
            vm.assertEq(indexed_[address(app)][keccak256("compose-hash")][value], app.allowedComposeHashes(value));
            vm.assertEq(indexed_[address(app)][keccak256("device")][value], app.allowedDeviceIds(value));
        }
    }

    function testFuzz_eventsRebuildTheState(uint8[24] calldata steps) public {
        vm.recordLogs();
        for (uint256 i = 0; i < steps.length; i++) change(steps[i]);
        replay(vm.getRecordedLogs());
        assertIndexed();
    }

    /// A chain that forgets its last blocks: the indexer replays the logs of the other branch.
    function testFuzz_eventsSurviveAReorganisation(uint8[8] calldata common, uint8[8] calldata lost, uint8[8] calldata kept) public {
        vm.recordLogs();
        for (uint256 i = 0; i < common.length; i++) change(common[i]);
        Cheats.Log[] memory before = vm.getRecordedLogs();
        uint256 fork = vm.snapshotState();
        for (uint256 i = 0; i < lost.length; i++) change(lost[i]);
        vm.revertToState(fork);
        vm.recordLogs();
        for (uint256 i = 0; i < kept.length; i++) change(kept[i]);
        Cheats.Log[] memory current = vm.getRecordedLogs();
        replay(before);
        replay(current);
        assertIndexed();
    }
}
