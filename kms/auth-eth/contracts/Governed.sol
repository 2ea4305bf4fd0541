// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Ownable2StepUpgradeable} from "@openzeppelin/contracts-upgradeable/access/Ownable2StepUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";
import {ERC165Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/introspection/ERC165Upgradeable.sol";

/// @title What DstackKms and DstackApp have in common
/// @notice One owner, handed over in two steps and never given up; an implementation that only the owner replaces; and one event
/// that tells every change of policy in the same form, so that an indexer needs no knowledge of either contract.
/// @dev Has no state in regular slots: theirs begin at 0, as those of version 0.5.5 do.
abstract contract Governed is Ownable2StepUpgradeable, UUPSUpgradeable, ERC165Upgradeable {
    /// @notice Something that decides who gets keys was changed.
    /// @param actor who changed it
    /// @param policy Keccak-256 of the policy's name
    /// @param value the entry: 32 bytes, an address in the low 20, the Keccak-256 of longer data, or 0
    /// @param enabled what it is from now on
    event PolicyChanged(address indexed actor, bytes32 indexed policy, bytes32 indexed value, bool enabled);

    /// @notice An owner can hand over but not leave: the lists would be frozen for ever.
    error OwnershipCannotBeRenounced();

    bytes32 internal constant POLICY_IMPLEMENTATION_UPGRADE = keccak256("implementation-upgrade");

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Always reverts.
    function renounceOwnership() public view override onlyOwner {
        revert OwnershipCannotBeRenounced();
    }

    /// @inheritdoc UUPSUpgradeable
    function _authorizeUpgrade(address newImplementation) internal virtual override onlyOwner {
        _tellPolicy(POLICY_IMPLEMENTATION_UPGRADE, _addressValue(newImplementation), true);
    }

    function _tellPolicy(bytes32 policy, bytes32 value, bool enabled) internal {
        emit PolicyChanged(msg.sender, policy, value, enabled);
    }

    function _addressValue(address account) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }

    /// @dev Byte-exact; any other status, known or not, is not up to date.
    function _isUpToDate(string calldata tcbStatus) internal pure returns (bool) {
        return keccak256(bytes(tcbStatus)) == keccak256("UpToDate");
    }
}
