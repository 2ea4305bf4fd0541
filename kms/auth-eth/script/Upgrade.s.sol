// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {DstackApp} from "contracts/DstackApp.sol";
import {DstackKms} from "contracts/DstackKms.sol";
import {Operator} from "./support/Operator.sol";

// Signed by the account named on forge's command line, not by PRIVATE_KEY: an owner is often a hardware wallet.

contract UpgradeKms is Operator {
    function run() external {
        vm.startBroadcast();
        kms().upgradeToAndCall(address(new DstackKms()), "");
        vm.stopBroadcast();
        say("Success: DstackKms upgraded.");
    }
}

contract UpgradeApp is Operator {
    function run() external {
        vm.startBroadcast();
        app().upgradeToAndCall(address(new DstackApp()), "");
        vm.stopBroadcast();
        say("Success: DstackApp upgraded.");
    }
}
