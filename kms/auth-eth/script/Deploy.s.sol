// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {DstackApp} from "contracts/DstackApp.sol";
import {DstackKms} from "contracts/DstackKms.sol";
import {Operator} from "./support/Operator.sol";

abstract contract Deployer is Operator {
    function deployApp() internal returns (address implementation) {
        implementation = address(new DstackApp());
        say("DstackApp implementation deployed to:", implementation);
    }

    function deployKms(address appImplementation) internal {
        address implementation = address(new DstackKms());
        say("DstackKms implementation deployed to:", implementation);
        bytes memory setUp = abi.encodeCall(DstackKms.initialize, (signer(), appImplementation));
        say("DstackKms proxy deployed to:", address(new ERC1967Proxy(implementation, setUp)));
    }
}

/// @notice Both implementations and the cluster's proxy.
contract DeployScript is Deployer {
    function run() external signed {
        deployKms(deployApp());
    }
}

/// @notice The cluster's proxy, with apps made from APP_IMPLEMENTATION.
contract DeployKmsOnly is Deployer {
    function run() external signed {
        deployKms(vm.envAddress("APP_IMPLEMENTATION"));
    }
}

/// @notice An implementation of DstackApp.
contract DeployAppOnly is Deployer {
    function run() external signed {
        deployApp();
    }
}
