import sys; sys.path.insert(0,'/work/main')
import importlib, warnings, time
from amber.policy import Policy
from amber.errors import AmberError
from amber.models.load import load
import tempfile, pathlib
warnings.simplefilter('ignore')
bad=n=0
for mod in sys.argv[1:]:
    m=importlib.import_module('tools.vectors.'+mod)
    for v in m.vectors():
        n+=1
        pol=Policy.from_dict(v.policy) if v.policy else None
        src=v.content
        if isinstance(v.content,dict):
            d=tempfile.mkdtemp()
            for k,b in v.content.items():
                p=pathlib.Path(d)/k; p.parent.mkdir(parents=True,exist_ok=True); p.write_bytes(b)
            src=d
        t=time.time()
        try:
            got=load(src,policy=pol,replay='always' if (v.step==9 or v.name=='cases') else 'never',report=True)
            code='' if v.code=='' else 'LOADED'
            if v.name=='cases': print(got[1])
        except AmberError as e: code=e.code; got=e
        except BaseException as e: code=type(e).__name__; got=e
        dt=time.time()-t
        if code!=v.code or dt>0.5:
            bad+=1; print(v.name,'want',v.code,'got',code,str(got)[:300],round(dt,2))
print(n,bad)
