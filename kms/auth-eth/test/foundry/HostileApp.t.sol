// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IAppAuth} from "contracts/IAppAuth.sol";
import {Fixture} from "./support/Fixture.sol";

/// @notice Answers every call with the bytes it was told, as success or as revert.
contract Parrot {
    bytes private answer;
    bool private reverts;

    function teach(bytes calldata answer_, bool reverts_) external {
        answer = answer_;
        reverts = reverts_;
    }

    fallback() external {
        bytes memory said = answer;
        bool fails = reverts;
        assembly {
            if fails { revert(add(said, 0x20), mload(said)) }
            return(add(said, 0x20), mload(said))
        }
    }
}

contract GasBurner {
    fallback() external {
        while (true) {}
    }
}

/// @notice Returns 2 MiB of zeros.
contract Flood {
    fallback() external {
        assembly {
            return(0, 0x200000)
        }
    }
}

contract HostileAppTest is Fixture {
    Parrot private parrot;
    string private constant FAILED = "App authorization call failed";

    function setUp() public override {
        super.setUp();
        parrot = new Parrot();
        kms.registerApp(address(parrot));
        vm.prank(OWNER);
        kms.addOsImageHash(IMAGE);
    }

    function assertAnswer(bytes memory answer, bool reverts, bool allowed, string memory reason) private {
        parrot.teach(answer, reverts);
        IAppAuth.AppBootInfo memory info = bootInfo();
        info.appId = address(parrot);
        assertAppVerdict(kms, info, allowed, reason);
    }

    function test_answersArePassedOn() public {
        assertAnswer(abi.encode(true, ""), false, true, "");
        assertAnswer(abi.encode(false, "not today"), false, false, "not today");
        assertAnswer(abi.encode(true, "with words"), false, true, "with words");
        assertAnswer(abi.encode(false, string(new bytes(4096))), false, false, string(new bytes(4096)));
    }

    function test_nonsenseIsNo() public {
        assertAnswer("", false, false, FAILED);
        assertAnswer(abi.encode(true), false, false, FAILED);
        assertAnswer(abi.encode(true, uint256(64)), false, false, FAILED);
        assertAnswer(abi.encode(uint256(2), uint256(64), uint256(0)), false, false, FAILED);
        assertAnswer(abi.encode(true, uint256(0), uint256(0)), false, false, FAILED);
        assertAnswer(abi.encode(true, uint256(32), uint256(0)), false, false, FAILED);
        assertAnswer(abi.encode(true, uint256(65), uint256(0), uint256(0)), false, false, FAILED);
        assertAnswer(abi.encode(true, uint256(96), uint256(0)), false, false, FAILED);
        assertAnswer(abi.encode(true, type(uint256).max, uint256(0)), false, false, FAILED);
        assertAnswer(abi.encode(true, uint256(64), uint256(1)), false, false, FAILED);
        assertAnswer(abi.encode(true, uint256(64), type(uint256).max), false, false, FAILED);
        assertAnswer(abi.encode(true, string(new bytes(4097))), false, false, FAILED);
    }

    function test_revertsAreNo() public {
        assertAnswer(abi.encode(true, ""), true, false, FAILED);
        assertAnswer(errorText("because"), true, false, FAILED);
        assertAnswer("", true, false, FAILED);
    }

    function test_dirtyPaddingIsDropped() public {
        bytes memory answer = abi.encode(false, uint256(64), uint256(2), bytes32("noXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"));
        assertAnswer(answer, false, false, "no");
        IAppAuth.AppBootInfo memory info = bootInfo();
        info.appId = address(parrot);
        (, bytes memory raw) = address(kms).staticcall(abi.encodeCall(kms.isAppAllowed, (info)));
        vm.assertEq(raw, abi.encode(false, "no"));
    }

    function test_gasAndFloodAreBounded() public {
        IAppAuth.AppBootInfo memory info = bootInfo();
        address[2] memory apps = [address(new GasBurner()), address(new Flood())];
        for (uint256 i = 0; i < apps.length; i++) {
            kms.registerApp(apps[i]);
            info.appId = apps[i];
            uint256 before = gasleft();
            assertAppVerdict(kms, info, false, FAILED);
            vm.assertTrue(before - gasleft() < 10_500_000);
        }
    }

    function test_kmsRegisteredAsAppEnds() public {
        kms.registerApp(address(kms));
        IAppAuth.AppBootInfo memory info = bootInfo();
        info.appId = address(kms);
        (bool allowed,) = kms.isAppAllowed(info);
        vm.assertFalse(allowed);
    }

    function testFuzz_anyAnswerIsAVerdict(bytes memory answer, bool reverts) public {
        parrot.teach(answer, reverts);
        IAppAuth.AppBootInfo memory info = bootInfo();
        info.appId = address(parrot);
        (bool allowed,) = kms.isAppAllowed(info);
        if (allowed) {
            vm.assertFalse(reverts);
            (bool said,) = abi.decode(answer, (bool, string));
            vm.assertTrue(said);
        }
    }

    function testFuzz_delegationIsFaithful(bool allowed, string calldata reason) public {
        vm.assume(bytes(reason).length <= 4096);
        assertAnswer(abi.encode(allowed, reason), false, allowed, reason);
    }
}
