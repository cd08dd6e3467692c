// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Tokens as they should not be, each in one way. For tests alone.
contract TestToken {
    event Transfer(address indexed from, address indexed to, uint256 value);

    mapping(address => uint256) internal _held;

    function mint(address to, uint256 value) external {
        _held[to] += value;
        emit Transfer(address(0), to, value);
    }

    function balanceOf(address who) public view virtual returns (uint256) {
        return _held[who];
    }

    function transfer(address to, uint256 value) external virtual returns (bool) {
        _move(msg.sender, to, value);
        return true;
    }

    function _move(address from, address to, uint256 value) internal {
        require(_held[from] >= value);
        _held[from] -= value;
        _held[to] += value;
        emit Transfer(from, to, value);
    }
}

/// Says that it failed, and moves nothing.
contract FalseToken is TestToken {
    function transfer(address, uint256) external pure override returns (bool) {
        return false;
    }
}

/// Answers nothing, as the oldest do.
contract SilentToken {
    event Transfer(address indexed from, address indexed to, uint256 value);

    mapping(address => uint256) public balanceOf;

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function transfer(address to, uint256 value) external {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
    }
}

/// Keeps a hundredth of every transfer, and tells of what arrived and of what it kept.
contract FeeToken is TestToken {
    function transfer(address to, uint256 value) external override returns (bool) {
        uint256 fee = value / 100;
        _move(msg.sender, to, value - fee);
        _move(msg.sender, address(this), fee);
        return true;
    }
}

/// Keeps a hundredth, and tells as if all had arrived.
contract LyingFeeToken is TestToken {
    function transfer(address to, uint256 value) external override returns (bool) {
        require(_held[msg.sender] >= value);
        _held[msg.sender] -= value;
        _held[to] += value - value / 100;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}

/// Calls whatever it was told to, in the middle of a transfer.
contract ReentrantToken is TestToken {
    address private _target;
    bytes private _call;

    function arm(address target, bytes calldata call) external {
        (_target, _call) = (target, call);
    }

    function transfer(address to, uint256 value) external override returns (bool) {
        (bool done, ) = _target.call(_call);
        done;
        _move(msg.sender, to, value);
        return true;
    }
}

/// Refuses whoever is on its list.
contract BlacklistingToken is TestToken {
    mapping(address => bool) private _listed;

    function list(address who) external {
        _listed[who] = true;
    }

    function transfer(address to, uint256 value) external override returns (bool) {
        require(!_listed[msg.sender] && !_listed[to]);
        _move(msg.sender, to, value);
        return true;
    }
}

/// Reverts, at length.
contract RevertingToken is TestToken {
    function transfer(address, uint256) external pure override returns (bool) {
        assembly {
            revert(0, 100000)
        }
    }
}

/// Uses up all the gas it is given.
contract BurningToken is TestToken {
    function transfer(address, uint256) external pure override returns (bool) {
        while (true) {}
        return false;
    }
}

/// Uses up all the gas it is given, when it is asked for a balance.
contract BurningBalanceToken is TestToken {
    function balanceOf(address) public pure override returns (uint256) {
        while (true) {}
        return 0;
    }
}

/// Says that everybody has a million, tells of transfers, and moves nothing.
contract LyingToken is TestToken {
    function balanceOf(address) public pure override returns (uint256) {
        return 1000000 ether;
    }

    function transfer(address to, uint256 value) external override returns (bool) {
        emit Transfer(msg.sender, to, value);
        return true;
    }

}

/// Knows what everybody has, and tells of transfers that never were.
contract PretendingToken is TestToken {
    function pretend(address from, address to, uint256 value) external {
        emit Transfer(from, to, value);
    }
}

/// Balances change by themselves, and no event tells.
contract RebasingToken is TestToken {
    uint256 private _permille = 1000;

    function rebase(uint256 permille) external {
        _permille = permille;
    }

    function balanceOf(address who) public view override returns (uint256) {
        return (_held[who] * _permille) / 1000;
    }

    function transfer(address to, uint256 value) external override returns (bool) {
        uint256 parts = (value * 1000) / _permille;
        require(_held[msg.sender] >= parts);
        _held[msg.sender] -= parts;
        _held[to] += parts;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}

/// Pays with 2300 gas, as Solidity's transfer does.
contract Stingy {
    function pay(address payable to) external payable {
        to.transfer(msg.value);
    }
}

/// A treasury that takes no coins until it is told to.
contract Closed {
    bool private _open;

    function open() external {
        _open = true;
    }

    receive() external payable {
        require(_open);
    }
}

/// A token of ERC-721 with one owner a number.
contract TestNft {
    mapping(uint256 => address) public ownerOf;

    function mint(address to, uint256 id) external {
        ownerOf[id] = to;
    }

    function transferFrom(address from, address to, uint256 id) external {
        require(ownerOf[id] == from && msg.sender == from);
        ownerOf[id] = to;
    }
}
