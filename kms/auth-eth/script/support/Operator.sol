// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {DstackApp} from "contracts/DstackApp.sol";
import {DstackKms} from "contracts/DstackKms.sol";

/// @notice The part of forge's cheat codes that the scripts use.
interface Shell {
    function envAddress(string calldata name) external view returns (address value);
    function envBool(string calldata name) external view returns (bool value);
    function envBytes(string calldata name) external view returns (bytes memory value);
    function envBytes32(string calldata name) external view returns (bytes32 value);
    function envBytes32(string calldata name, string calldata delimiter) external view returns (bytes32[] memory values);
    function envExists(string calldata name) external view returns (bool exists);
    function envString(string calldata name) external view returns (string memory value);
    function envUint(string calldata name) external view returns (uint256 value);
    function addr(uint256 key) external pure returns (address account);
    function load(address target, bytes32 slot) external view returns (bytes32 value);
    function startBroadcast() external;
    function startBroadcast(uint256 key) external;
    function stopBroadcast() external;
    function toString(address value) external pure returns (string memory text);
    function toString(bool value) external pure returns (string memory text);
    function toString(bytes32 value) external pure returns (string memory text);
    function toString(uint256 value) external pure returns (string memory text);
}

/// @notice What all scripts share: the environment, the contracts, and printing.
abstract contract Operator {
    bool public constant IS_SCRIPT = true;
    Shell internal constant vm = Shell(address(uint160(uint256(keccak256("hevm cheat code")))));
    bytes32 internal constant IMPLEMENTATION_SLOT = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;

    /// @dev Sends what the function does as transactions of PRIVATE_KEY.
    modifier signed() {
        vm.startBroadcast(vm.envUint("PRIVATE_KEY"));
        _;
        vm.stopBroadcast();
    }

    function kms() internal view returns (DstackKms) {
        return DstackKms(vm.envAddress("KMS_CONTRACT_ADDR"));
    }

    function app() internal view returns (DstackApp) {
        return DstackApp(vm.envAddress("APP_CONTRACT_ADDR"));
    }

    function signer() internal view returns (address) {
        return vm.addr(vm.envUint("PRIVATE_KEY"));
    }

    function flagOr(string memory name, bool instead) internal view returns (bool) {
        return vm.envExists(name) ? vm.envBool(name) : instead;
    }

    function wordOr(string memory name, bytes32 instead) internal view returns (bytes32) {
        return vm.envExists(name) ? vm.envBytes32(name) : instead;
    }

    function addressOr(string memory name, address instead) internal view returns (address) {
        return vm.envExists(name) ? vm.envAddress(name) : instead;
    }

    function implementationOf(address proxy) internal view returns (address) {
        return address(uint160(uint256(vm.load(proxy, IMPLEMENTATION_SLOT))));
    }

    /// @dev forge prints what is sent to this address.
    function say(string memory text) internal view {
        (bool ignored,) = address(0x000000000000000000636F6e736F6c652e6c6f67).staticcall(abi.encodeWithSignature("log(string)", text));
        ignored;
    }

    function say(string memory label, address value) internal view {
        say(string.concat(label, " ", vm.toString(value)));
    }

    function say(string memory label, bool value) internal view {
        say(string.concat(label, " ", vm.toString(value)));
    }

    function say(string memory label, bytes32 value) internal view {
        say(string.concat(label, " ", vm.toString(value)));
    }

    function say(string memory label, uint256 value) internal view {
        say(string.concat(label, " ", vm.toString(value)));
    }

    function say(string memory label, string memory value) internal view {
        say(string.concat(label, " ", value));
    }
}
