// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Forwarder} from "./Forwarder.sol";

/// @title Makes forwarders and sweeps them, many in one transaction.
/// @notice Anybody may call it, and all anybody can do is to bring a forwarder's coins to its treasury: the
///         address of a forwarder commits to its treasury and its index, and nothing here takes another
///         destination. It has no owner, no storage, and stands at the same address on every chain.
/// @dev    What fails is skipped and told by an event; it never stops the others. A hostile token can call
///         back as it likes: nothing is remembered between calls, so there is nothing to be out of step with.
///         Memory beyond the free pointer is written and not kept: a batch needs no more of it than one item.
contract ForwarderFactory {
    /// So much of the native coin went from a forwarder to its treasury; tokens tell of themselves.
    event Flushed(address indexed treasury, uint256 index, uint256 amount);
    /// An item that brought nothing although there was something to bring. `token` zero is the native coin.
    event Skipped(address indexed treasury, uint256 index, address token);

    bytes32 public constant INIT_CODE_HASH = keccak256(type(Forwarder).creationCode);

    /// Sweeps items to `treasury`. Of an item's 32 bytes the first 12 are the forwarder's index, the last 20
    /// the token, zero for the native coin. No single call of a token gets more than `gasEach`.
    function flush(address treasury, uint256 gasEach, bytes32[] calldata items) external {
        unchecked {
            for (uint256 i = 0; i < items.length; ++i) {
                uint256 index = uint256(items[i]) >> 160;
                address token = address(uint160(uint256(items[i])));
                if (!_swept(treasury, index, token, gasEach)) emit Skipped(treasury, index, token);
            }
        }
    }

    /// Sweeps a single token of ERC-721 to `treasury`. Reverts when that fails.
    function flushNft(address treasury, uint256 index, address token, uint256 id) external {
        bytes32 salt = _salt(treasury, index);
        address forwarder = _address(salt);
        require(_made(forwarder, salt));
        // transferFrom(address,address,uint256)
        bytes memory said = abi.encodeWithSelector(0x23b872dd, forwarder, treasury, id);
        (bool done, ) = forwarder.call(bytes.concat(bytes32(uint256(uint160(token))), said));
        require(done);
    }

    /// Where the forwarder of this treasury and index is, or will be.
    function addressOf(address treasury, uint256 index) external view returns (address) {
        return _address(_salt(treasury, index));
    }

    /// True when there was nothing to sweep, or it was swept.
    function _swept(address treasury, uint256 index, address token, uint256 gasEach) private returns (bool) {
        bytes32 salt = _salt(treasury, index);
        address forwarder = _address(salt);
        if (token == address(0)) {
            uint256 native = forwarder.balance;
            if (native == 0) return true;
            if (!_made(forwarder, salt) || !_paid(forwarder, treasury, gasEach)) return false;
            emit Flushed(treasury, index, native);
            return true;
        }
        (bool known, uint256 amount) = _balance(token, forwarder, gasEach);
        if (!known) return false;
        if (amount == 0) return true;
        return _made(forwarder, salt) && _transferred(forwarder, token, treasury, amount, gasEach);
    }

    /// False when it is missing and cannot be made.
    function _made(address forwarder, bytes32 salt) private returns (bool done) {
        if (forwarder.code.length != 0) return true;
        bytes memory code = type(Forwarder).creationCode;
        assembly ("memory-safe") {
            done := iszero(iszero(create2(0, add(code, 32), mload(code), salt)))
        }
    }

    /// The forwarder pays its whole balance to the treasury.
    function _paid(address forwarder, address treasury, uint256 gasEach) private returns (bool done) {
        assembly ("memory-safe") {
            mstore(0, treasury)
            done := call(gasEach, forwarder, 0, 0, 32, 0, 0)
        }
    }

    /// The forwarder calls token.transfer(treasury, amount). A token may answer nothing, as the oldest do, or
    /// true.
    function _transferred(address forwarder, address token, address treasury, uint256 amount, uint256 gasEach)
        private
        returns (bool done)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, token)
            mstore(add(free, 0x20), shl(224, 0xa9059cbb))
            mstore(add(free, 0x24), treasury)
            mstore(add(free, 0x44), amount)
            mstore(0, 0)
            done := call(gasEach, forwarder, 0, free, 0x64, 0, 32)
            done := and(done, or(iszero(returndatasize()), eq(mload(0), 1)))
        }
    }

    function _balance(address token, address owner, uint256 gasEach)
        private
        view
        returns (bool known, uint256 amount)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, shl(224, 0x70a08231))
            mstore(add(free, 4), owner)
            known := staticcall(gasEach, token, free, 0x24, 0, 32)
            known := and(known, gt(returndatasize(), 31))
            amount := mload(0)
        }
    }

    /// keccak256(abi.encode(treasury, index))
    function _salt(address treasury, uint256 index) private pure returns (bytes32 salt) {
        assembly ("memory-safe") {
            mstore(0, treasury)
            mstore(32, index)
            salt := keccak256(0, 64)
        }
    }

    /// EIP-1014.
    function _address(bytes32 salt) private view returns (address made) {
        bytes32 hash = INIT_CODE_HASH;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(add(free, 0x20), salt)
            mstore(add(free, 0x40), hash)
            mstore(free, or(shl(160, 0xff), address()))
            made := and(keccak256(add(free, 11), 85), 0xffffffffffffffffffffffffffffffffffffffff)
        }
    }
}
