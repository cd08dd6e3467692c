// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A keyless deposit address.
/// @notice It takes coins from anybody and at any price of gas, and does what the factory that made it says.
///         The factory has one word for it: pay everything to the treasury your address was made from.
/// @dev    No storage, no owner, no delegatecall. From everybody but the factory any call is a deposit: it
///         ends at once and costs some 60 gas, so that senders which give 2300 can pay it.
///         The factory's call is a target, padded to a word, and what to call it with. Without the latter the
///         whole balance goes along. What the target answers is handed back, as much as fits a word of it.
contract Forwarder {
    address private immutable FACTORY = msg.sender;

    fallback() external payable {
        address factory = FACTORY;
        assembly ("memory-safe") {
            if eq(caller(), factory) {
                let size := sub(calldatasize(), 32)
                calldatacopy(0, 32, size)
                if iszero(call(gas(), calldataload(0), mul(selfbalance(), iszero(size)), 0, size, 0, 32)) {
                    revert(0, 0)
                }
                return(0, returndatasize())
            }
        }
    }
}
