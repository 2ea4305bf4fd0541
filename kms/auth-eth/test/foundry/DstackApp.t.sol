// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {DstackApp} from "contracts/DstackApp.sol";
import {Governed} from "contracts/Governed.sol";
import {IAppAuth} from "contracts/IAppAuth.sol";
import {IAppAuthBasicManagement} from "contracts/IAppAuthBasicManagement.sol";
import {Cheats} from "./support/Cheats.sol";
import {Fixture} from "./support/Fixture.sol";

contract DstackAppTest is Fixture {
    bytes32 private constant INITIALIZE_5 = keccak256("initialize(address,bool,bool,bytes32,bytes32)");

    function newApp5(address owner, bool disable, bool anyDevice, bytes32 device, bytes32 compose)
        public
        returns (DstackApp)
    {
        bytes memory setUpCall = abi.encodeWithSelector(bytes4(INITIALIZE_5), owner, disable, anyDevice, device, compose);
        return DstackApp(address(new ERC1967Proxy(appImplementation, setUpCall)));
    }

    function countLogs(Cheats.Log[] memory logs, bytes32 topic) private pure returns (uint256 count) {
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] == topic) count++;
        }
    }

    function test_initialize_fiveArguments() public {
        vm.recordLogs();
        DstackApp made = newApp5(APP_OWNER, false, false, DEVICE, COMPOSE);
        Cheats.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(countLogs(logs, IAppAuthBasicManagement.DeviceAdded.selector), 1);
        vm.assertEq(countLogs(logs, IAppAuthBasicManagement.ComposeHashAdded.selector), 1);
        vm.assertEq(made.owner(), APP_OWNER);
        vm.assertFalse(made.allowAnyDevice());
        vm.assertFalse(made.requireTcbUpToDate());
        vm.assertTrue(made.allowedDeviceIds(DEVICE));
        vm.assertTrue(made.allowedComposeHashes(COMPOSE));
        vm.assertEq(made.version(), 2);
    }

    function test_initialize_emptyAllowsNothing() public {
        vm.recordLogs();
        DstackApp made = newApp5(APP_OWNER, false, false, 0, 0);
        Cheats.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(countLogs(logs, IAppAuthBasicManagement.DeviceAdded.selector), 0);
        vm.assertEq(countLogs(logs, IAppAuthBasicManagement.ComposeHashAdded.selector), 0);
        IAppAuth.AppBootInfo memory info = bootInfo();
        info.composeHash = 0;
        info.deviceId = 0;
        assertAppVerdict(made, info, false, "Compose hash not allowed");
        vm.prank(APP_OWNER);
        made.addComposeHash(0);
        assertAppVerdict(made, info, false, "Device not allowed");
    }

    function test_initialize_tellsItsFlags() public {
        vm.recordLogs();
        kms.deployAndRegisterApp(APP_OWNER, true, true, true, bytes32(0), bytes32(0));
        Cheats.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(countLogs(logs, DstackApp.AllowAnyDeviceSet.selector), 1);
        vm.assertEq(countLogs(logs, DstackApp.RequireTcbUpToDateSet.selector), 1);
        vm.assertEq(countLogs(logs, DstackApp.UpgradesDisabled.selector), 1);
        vm.assertEq(countLogs(logs, Governed.PolicyChanged.selector), 4); // and that of the registration
    }

    function test_initialize_refusals() public {
        vm.expectRevert(errorText("invalid owner address"));
        this.newApp5(address(0), false, false, 0, 0);
        vm.expectRevert(bytes4(0xf92ee8a9));
        app.initialize(STRANGER, false, false, 0, 0);
        vm.expectRevert(bytes4(0xf92ee8a9));
        app.initialize(STRANGER, false, false, false, 0, 0);
        vm.expectRevert(bytes4(0xf92ee8a9));
        DstackApp(appImplementation).initialize(STRANGER, false, false, false, 0, 0);
    }

    function test_verdict_firstFailingCheckWins() public {
        IAppAuth.AppBootInfo memory info = bootInfo();
        assertAppVerdict(app, info, true, "");
        info.tcbStatus = "OutOfDate";
        assertAppVerdict(app, info, true, "");
        vm.startPrank(APP_OWNER);
        app.setRequireTcbUpToDate(true);
        info.composeHash = 0;
        assertAppVerdict(app, info, false, "TCB status is not up to date");
        info.tcbStatus = "UpToDate";
        info.deviceId = 0;
        assertAppVerdict(app, info, false, "Compose hash not allowed");
        info.composeHash = COMPOSE;
        assertAppVerdict(app, info, false, "Device not allowed");
        app.setAllowAnyDevice(true);
        assertAppVerdict(app, info, true, "");
        app.setAllowAnyDevice(false);
        assertAppVerdict(app, info, false, "Device not allowed");
    }

    function test_lists_stateAndEvents() public {
        bytes32 other = bytes32(uint256(0x55));
        vm.startPrank(APP_OWNER);
        for (uint256 i = 0; i < 2; i++) {
            vm.expectEmit(true, true, true, true, address(app));
            emit IAppAuthBasicManagement.ComposeHashAdded(other);
            app.addComposeHash(other);
            vm.assertTrue(app.allowedComposeHashes(other));
        }
        vm.expectEmit(true, true, true, true, address(app));
        emit IAppAuthBasicManagement.ComposeHashRemoved(other);
        app.removeComposeHash(other);
        vm.assertFalse(app.allowedComposeHashes(other));
        vm.expectEmit(true, true, true, true, address(app));
        emit IAppAuthBasicManagement.DeviceAdded(other);
        app.addDevice(other);
        vm.assertTrue(app.allowedDeviceIds(other));
        vm.expectEmit(true, true, true, true, address(app));
        emit IAppAuthBasicManagement.DeviceRemoved(other);
        app.removeDevice(other);
        vm.assertFalse(app.allowedDeviceIds(other));
    }

    function test_everyChangeIsTheOwnersAlone() public {
        bytes[10] memory calls = [
            abi.encodeCall(app.addComposeHash, (COMPOSE)),
            abi.encodeCall(app.removeComposeHash, (COMPOSE)),
            abi.encodeCall(app.addDevice, (DEVICE)),
            abi.encodeCall(app.removeDevice, (DEVICE)),
            abi.encodeCall(app.setAllowAnyDevice, (true)),
            abi.encodeCall(app.setRequireTcbUpToDate, (false)),
            abi.encodeCall(app.disableUpgrades, ()),
            abi.encodeCall(app.transferOwnership, (STRANGER)),
            abi.encodeCall(app.renounceOwnership, ()),
            abi.encodeCall(app.upgradeToAndCall, (appImplementation, ""))
        ];
        for (uint256 i = 0; i < calls.length; i++) {
            vm.prank(STRANGER);
            (bool done, bytes memory answer) = address(app).call(calls[i]);
            vm.assertFalse(done);
            vm.assertEq(answer, unauthorized(STRANGER));
        }
    }

    function test_interfaces() public view {
        vm.assertTrue(app.supportsInterface(0x01ffc9a7));
        vm.assertTrue(app.supportsInterface(0x1e079198));
        vm.assertTrue(app.supportsInterface(0x8fd37527));
        vm.assertFalse(app.supportsInterface(0xffffffff));
    }

    function test_ownership_canNotBeRenounced() public {
        vm.prank(APP_OWNER);
        vm.expectRevert(Governed.OwnershipCannotBeRenounced.selector);
        app.renounceOwnership();
    }

    function testFuzz_verdict_isTheConjunction(bytes32 compose, bytes32 device, bool anyDevice, bool needTcb, uint8 lists) public {
        DstackApp made = DstackApp(kms.deployAndRegisterApp(APP_OWNER, false, needTcb, anyDevice, bytes32(0), bytes32(0)));
        vm.startPrank(APP_OWNER);
        if (lists & 1 != 0) made.addComposeHash(compose);
        if (lists & 2 != 0) made.addDevice(device);
        IAppAuth.AppBootInfo memory info = bootInfo();
        info.composeHash = compose;
        info.deviceId = device;
        info.tcbStatus = lists & 4 != 0 ? "UpToDate" : "SWHardeningNeeded";
        (bool allowed, string memory reason) = made.isAppAllowed(info);
        vm.assertEq(allowed, lists & 1 != 0 && (anyDevice || lists & 2 != 0) && (!needTcb || lists & 4 != 0));
        vm.assertEq(allowed, bytes(reason).length == 0);
    }
}
