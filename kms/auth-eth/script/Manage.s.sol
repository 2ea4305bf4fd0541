// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {DstackKms} from "contracts/DstackKms.sol";
import {Operator} from "./support/Operator.sol";

// The cluster's lists.

contract AddKmsAggregatedMr is Operator {
    function run() external signed {
        bytes32 value = vm.envBytes32("MR_AGGREGATED");
        kms().addKmsAggregatedMr(value);
        say("Added KMS aggregated MR:", value);
    }
}

contract RemoveKmsAggregatedMr is Operator {
    function run() external signed {
        bytes32 value = vm.envBytes32("MR_AGGREGATED");
        kms().removeKmsAggregatedMr(value);
        say("Removed KMS aggregated MR:", value);
    }
}

contract AddOsImage is Operator {
    function run() external signed {
        bytes32 value = vm.envBytes32("OS_IMAGE_HASH");
        kms().addOsImageHash(value);
        say("Added OS image hash:", value);
    }
}

contract RemoveOsImage is Operator {
    function run() external signed {
        bytes32 value = vm.envBytes32("OS_IMAGE_HASH");
        kms().removeOsImageHash(value);
        say("Removed OS image hash:", value);
    }
}

contract AddKmsDevice is Operator {
    function run() external signed {
        bytes32 value = vm.envBytes32("DEVICE_ID");
        kms().addKmsDevice(value);
        say("Added KMS device:", value);
    }
}

contract RemoveKmsDevice is Operator {
    function run() external signed {
        bytes32 value = vm.envBytes32("DEVICE_ID");
        kms().removeKmsDevice(value);
        say("Removed KMS device:", value);
    }
}

contract SetGatewayAppId is Operator {
    function run() external signed {
        string memory appId = vm.envString("GATEWAY_APP_ID");
        kms().setGatewayAppId(appId);
        say("Set gateway app ID:", appId);
    }
}

contract SetKmsInfo is Operator {
    function run() external signed {
        DstackKms.KmsInfo memory info = DstackKms.KmsInfo(
            vm.envBytes("K256_PUBKEY"), vm.envBytes("CA_PUBKEY"), vm.envBytes("QUOTE"), vm.envBytes("EVENTLOG")
        );
        kms().setKmsInfo(info);
        say("KMS info set successfully");
        say("K256 public key length:", info.k256Pubkey.length);
        say("CA public key length:", info.caPubkey.length);
        say("Quote length:", info.quote.length);
        say("Event log length:", info.eventlog.length);
    }
}

contract SetAppImplementation is Operator {
    function run() external signed {
        address implementation = vm.envAddress("APP_IMPLEMENTATION");
        kms().setAppImplementation(implementation);
        say("Set app implementation:", implementation);
    }
}

contract RegisterApp is Operator {
    function run() external signed {
        address appId = vm.envAddress("APP_ADDRESS");
        kms().registerApp(appId);
        say("Registered app:", appId);
    }
}

/// @notice Several lists at once; each of them may be absent.
contract BatchKmsSetup is Operator {
    function run() external signed {
        if (vm.envExists("GATEWAY_APP_ID")) {
            string memory appId = vm.envString("GATEWAY_APP_ID");
            kms().setGatewayAppId(appId);
            say("Set gateway app ID:", appId);
        }
        each("MR_AGGREGATED_LIST", kms().addKmsAggregatedMr, "Added KMS aggregated MR:");
        each("OS_IMAGE_LIST", kms().addOsImageHash, "Added OS image hash:");
        each("DEVICE_LIST", kms().addKmsDevice, "Added KMS device:");
    }

    function each(string memory name, function(bytes32) external add, string memory label) private {
        if (!vm.envExists(name)) return;
        bytes32[] memory values = vm.envBytes32(name, ",");
        for (uint256 i = 0; i < values.length; i++) {
            add(values[i]);
            say(label, values[i]);
        }
    }
}

// One app.

contract AddComposeHash is Operator {
    function run() external signed {
        bytes32 value = vm.envBytes32("COMPOSE_HASH");
        app().addComposeHash(value);
        say("Added compose hash:", value);
    }
}

contract RemoveComposeHash is Operator {
    function run() external signed {
        bytes32 value = vm.envBytes32("COMPOSE_HASH");
        app().removeComposeHash(value);
        say("Removed compose hash:", value);
    }
}

contract AddDevice is Operator {
    function run() external signed {
        bytes32 value = vm.envBytes32("DEVICE_ID");
        app().addDevice(value);
        say("Added device:", value);
    }
}

contract RemoveDevice is Operator {
    function run() external signed {
        bytes32 value = vm.envBytes32("DEVICE_ID");
        app().removeDevice(value);
        say("Removed device:", value);
    }
}

contract SetAllowAnyDevice is Operator {
    function run() external signed {
        bool allowAny = vm.envBool("ALLOW_ANY_DEVICE");
        app().setAllowAnyDevice(allowAny);
        say("Set allowAnyDevice to:", allowAny);
    }
}

contract SetRequireTcbUpToDate is Operator {
    function run() external signed {
        bool requireUpToDate = vm.envBool("REQUIRE_TCB_UP_TO_DATE");
        app().setRequireTcbUpToDate(requireUpToDate);
        say("Set requireTcbUpToDate to:", requireUpToDate);
    }
}

contract DisableAppUpgrades is Operator {
    function run() external signed {
        app().disableUpgrades();
        say("Disabled upgrades for app:", address(app()));
    }
}

contract ShowAppInfo is Operator {
    function run() external view {
        say("App Contract:", address(app()));
        say("Owner:", app().owner());
        say("Allow Any Device:", app().allowAnyDevice());
    }
}

/// @notice Makes an app. Unlike every other tool's, this one's apps run on any device unless told otherwise.
contract DeployApp is Operator {
    function run() external signed returns (address appId) {
        address owner = addressOr("APP_OWNER", signer());
        bool disableUpgrades = flagOr("DISABLE_UPGRADES", false);
        bool requireTcb = flagOr("REQUIRE_TCB_UP_TO_DATE", false);
        bool anyDevice = flagOr("ALLOW_ANY_DEVICE", true);
        bytes32 device = wordOr("INITIAL_DEVICE_ID", 0);
        bytes32 compose = wordOr("INITIAL_COMPOSE_HASH", 0);
        appId = kms().deployAndRegisterApp(owner, disableUpgrades, requireTcb, anyDevice, device, compose);
        say("Deployed new app at:", appId);
        say("Owner:", owner);
        say("Disable upgrades:", disableUpgrades);
        say("Require TCB up to date:", requireTcb);
        say("Allow any device:", anyDevice);
        say("Initial device:", device);
        say("Initial compose hash:", compose);
    }
}
