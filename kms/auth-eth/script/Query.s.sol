// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IAppAuth} from "contracts/IAppAuth.sol";
import {Operator} from "./support/Operator.sol";

contract CheckKmsAggregatedMr is Operator {
    function run() external view {
        say("Is Allowed:", kms().kmsAllowedAggregatedMrs(vm.envBytes32("MR_AGGREGATED")));
    }
}

contract CheckKmsDevice is Operator {
    function run() external view {
        say("Is Allowed:", kms().kmsAllowedDeviceIds(vm.envBytes32("DEVICE_ID")));
    }
}

contract CheckOsImage is Operator {
    function run() external view {
        say("Is Allowed:", kms().allowedOsImages(vm.envBytes32("OS_IMAGE_HASH")));
    }
}

contract CheckComposeHash is Operator {
    function run() external view {
        say("Is Allowed:", app().allowedComposeHashes(vm.envBytes32("COMPOSE_HASH")));
    }
}

contract CheckAppDevice is Operator {
    function run() external view {
        say("Is Allowed:", app().allowedDeviceIds(vm.envBytes32("DEVICE_ID")));
    }
}

contract CheckAppRegistration is Operator {
    function run() external view {
        say("Is Registered:", kms().registeredApps(vm.envAddress("APP_ADDRESS")));
    }
}

/// @notice Asks as a webhook asks. Advisories are always none.
abstract contract Asker is Operator {
    function question() internal view returns (IAppAuth.AppBootInfo memory info) {
        info.appId = vm.envAddress("APP_ID");
        info.composeHash = vm.envBytes32("COMPOSE_HASH");
        info.instanceId = addressOr("INSTANCE_ID", address(0));
        info.deviceId = vm.envBytes32("DEVICE_ID");
        info.mrAggregated = vm.envBytes32("MR_AGGREGATED");
        info.mrSystem = wordOr("MR_SYSTEM", 0);
        info.osImageHash = vm.envBytes32("OS_IMAGE_HASH");
        info.tcbStatus = vm.envString("TCB_STATUS");
    }

    function answer(bool isAllowed, string memory reason) internal view {
        say("Is Allowed:", isAllowed);
        say("Reason:", reason);
    }
}

contract CheckKmsAllowed is Asker {
    function run() external view {
        (bool isAllowed, string memory reason) = kms().isKmsAllowed(question());
        answer(isAllowed, reason);
    }
}

contract CheckAppAllowed is Asker {
    function run() external view {
        (bool isAllowed, string memory reason) = kms().isAppAllowed(question());
        answer(isAllowed, reason);
        say("Gateway App ID:", kms().gatewayAppId());
    }
}

contract GetStorageSlot is Operator {
    function run() external view {
        bytes32 slot = vm.envBytes32("STORAGE_SLOT");
        bytes32 value = vm.load(vm.envAddress("TARGET_ADDRESS"), slot);
        say("Value:", value);
        if (slot == IMPLEMENTATION_SLOT) say("Implementation Address:", address(uint160(uint256(value))));
    }
}

contract GetKmsSettings is Operator {
    function run() external view {
        say("Owner:", kms().owner());
        say("Gateway App ID:", kms().gatewayAppId());
        say("App Implementation:", kms().appImplementation());
        (bytes memory k256, bytes memory ca, bytes memory quote, bytes memory eventlog) = kms().kmsInfo();
        say("K256 public key length:", k256.length);
        say("CA public key length:", ca.length);
        say("Quote length:", quote.length);
        say("Event log length:", eventlog.length);
        say("Proxy Implementation:", implementationOf(address(kms())));
    }
}

contract GetAppSettings is Operator {
    function run() external view {
        say("Owner:", app().owner());
        say("Allow Any Device:", app().allowAnyDevice());
        say("Proxy Implementation:", implementationOf(address(app())));
    }
}
