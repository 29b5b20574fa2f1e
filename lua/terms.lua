local function read_terms(packed)
  local terms = {decode(TERMS, packed)}
  if terms[BURST] < 0 then terms[BURST] = terms[RATE] end
  return terms
end
