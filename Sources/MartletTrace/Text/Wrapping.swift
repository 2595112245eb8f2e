extension String {
  /// The text as lines of at most `width` columns, broken at spaces, and in Chinese between characters, though not before
  /// what closes a phrase. A word that is longer stands alone on its line.
  package func wrapped(to width: Int) -> [String] {
    var lines = [""]
    for piece in unbreakablePieces {
      let last = lines[lines.count &- 1]
      let longer = last.isEmpty || !piece.followsSpace ? last + piece.text : last + " " + piece.text
      if longer.columns <= width || last.isEmpty {
        lines[lines.count &- 1] = longer
      } else {
        lines.append(piece.text)
      }
    }
    return lines
  }

  /// Words, and each wide character by itself with the punctuation behind it.
  private var unbreakablePieces: [(text: String, followsSpace: Bool)] {
    var pieces: [(text: String, followsSpace: Bool)] = []
    var followsSpace = false
    var goesOn = false
    for scalar in unicodeScalars {
      if scalar == " " {
        (followsSpace, goesOn) = (true, false)
        continue
      }
      let isWide = scalar.columns == 2
      let joins = !pieces.isEmpty && !followsSpace && (isWide ? scalar.closesPhrase : goesOn)
      if joins {
        pieces[pieces.count &- 1].text.unicodeScalars.append(scalar)
      } else {
        pieces.append((String(scalar), followsSpace))
      }
      (followsSpace, goesOn) = (false, !isWide)
    }
    return pieces
  }
}

extension Unicode.Scalar {
  /// Wide punctuation that must not begin a line.
  fileprivate var closesPhrase: Bool {
    switch value {
    case 0x3001, 0x3002, 0x300b, 0x300d, 0x300f, 0x3011, 0xff01, 0xff09, 0xff0c, 0xff1a, 0xff1b, 0xff1f: true
    default: false
    }
  }
}
