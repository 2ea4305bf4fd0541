// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {DstackApp} from "contracts/DstackApp.sol";
import {DstackKms} from "contracts/DstackKms.sol";
import {IAppAuth} from "contracts/IAppAuth.sol";
import {Cheats} from "./Cheats.sol";

/// @notice A KMS contract of `OWNER`, and an app of `APP_OWNER` that it made.
abstract contract Fixture {
    Cheats internal constant vm = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    address internal constant OWNER = address(0x1001);
    address internal constant APP_OWNER = address(0x1002);
    address internal constant STRANGER = address(0x1003);
    bytes32 internal constant IMAGE = bytes32(uint256(0x11));
    bytes32 internal constant COMPOSE = bytes32(uint256(0x22));
    bytes32 internal constant DEVICE = bytes32(uint256(0x33));
    bytes32 internal constant MR = bytes32(uint256(0x44));
    bytes32 internal constant IMPLEMENTATION_SLOT = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;

    DstackKms internal kms;
    DstackApp internal app;
    address internal kmsImplementation;
    address internal appImplementation;

    function setUp() public virtual {
        kmsImplementation = address(new DstackKms());
        appImplementation = address(new DstackApp());
        kms = newKms(OWNER, appImplementation);
        app = DstackApp(kms.deployAndRegisterApp(APP_OWNER, false, false, false, DEVICE, COMPOSE));
    }

    function newKms(address owner, address implementation) internal returns (DstackKms) {
        bytes memory setUpCall = abi.encodeCall(DstackKms.initialize, (owner, implementation));
        return DstackKms(address(new ERC1967Proxy(kmsImplementation, setUpCall)));
    }

    function bootInfo() internal view returns (IAppAuth.AppBootInfo memory info) {
        info.appId = address(app);
        info.composeHash = COMPOSE;
        info.instanceId = address(0x99);
        info.deviceId = DEVICE;
        info.mrAggregated = MR;
        info.osImageHash = IMAGE;
        info.tcbStatus = "UpToDate";
    }

    function implementationOf(address proxy) internal view returns (address) {
        return address(uint160(uint256(vm.load(proxy, IMPLEMENTATION_SLOT))));
    }

    function unauthorized(address account) internal pure returns (bytes memory) {
        return abi.encodeWithSignature("OwnableUnauthorizedAccount(address)", account);
    }

    function errorText(string memory text) internal pure returns (bytes memory) {
        return abi.encodeWithSignature("Error(string)", text);
    }

    function assertAppVerdict(IAppAuth target, IAppAuth.AppBootInfo memory info, bool allowed, string memory reason)
        internal
        view
    {
        (bool isAllowed, string memory text) = target.isAppAllowed(info);
        vm.assertEq(isAllowed, allowed);
        vm.assertEq(text, reason);
    }

    function assertKmsVerdict(IAppAuth.AppBootInfo memory info, bool allowed, string memory reason) internal view {
        (bool isAllowed, string memory text) = kms.isKmsAllowed(info);
        vm.assertEq(isAllowed, allowed);
        vm.assertEq(text, reason);
    }
}
