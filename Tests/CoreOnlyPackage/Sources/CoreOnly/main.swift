import MartletWire

// Enough to link the core and to be sure that it is the real one.
let last = SequenceNumber(UInt32.max)
let next = last.advanced(by: 1)
print(next.follows(last) ? "The core works alone." : "The circle of sequence numbers is broken.")
