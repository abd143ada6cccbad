import sys; sys.path.insert(0,'/work/main')
import importlib, collections
from amber.vault.check import check
from amber.policy import Policy
from amber.errors import AmberError
import tempfile, pathlib
bad=0;n=0
total=0
import zlib
for mod in sys.argv[1:]:
    m=importlib.import_module('tools.vectors.'+mod)
    for v in m.vectors():
        n+=1
        pol=Policy.from_dict(v.policy) if v.policy else None
        if isinstance(v.content,dict):
            d=tempfile.mkdtemp()
            for k,b in v.content.items():
                p=pathlib.Path(d)/k; p.parent.mkdir(parents=True,exist_ok=True); p.write_bytes(b)
            src=d
            total+=sum(map(len,v.content.values()))
        else: src=v.content; total+=len(src)
        try:
            c=check(src,pol)
            got=(c.code, next((s.number for s in c.steps if s.status=='failed'),0))
            det=next((s.detail for s in c.steps if s.status=='failed'),'')
            if c.refused and not c.code: got=(c.refused[0].split(':')[0],5)
            if v.part=='values' and not c.code:
                from amber.models.audit import problems
                pr=problems(c.tree, pol or Policy())
                got=(pr[0].code if pr else '',6); det=str(pr[:3])
        except Exception as e:
            got=(f'{type(e).__name__} {e}',-1); det=''
        want=(v.code,v.step)
        if got!=want:
            bad+=1; print(v.name,'want',want,'got',got,det[:200], v.part)
print(n,'vectors',bad,'bad',total)
